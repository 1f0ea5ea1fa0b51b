// The verification queue by keyboard. Without this script the boxes and the button do the same.
const form = document.querySelector('[data-verify]');

if (form) {
  const rows = [...form.querySelectorAll('[data-verify-row]')];
  const box = (row) => row.querySelector('input[type="checkbox"]');
  const all = form.querySelector('[data-verify-all]');
  const count = form.querySelector('[data-verify-count]');
  let here = -1;

  const show = () => {
    const chosen = rows.filter((row) => box(row).checked);
    for (const row of rows) row.classList.toggle('is-chosen', box(row).checked);
    count.textContent = String(chosen.length);
    all.checked = chosen.length === rows.length && rows.length > 0;
    all.indeterminate = chosen.length > 0 && chosen.length < rows.length;
  };

  const go = (to) => {
    here = Math.max(0, Math.min(rows.length - 1, to));
    rows.forEach((row, index) => row.classList.toggle('is-here', index === here));
    box(rows[here]).focus({ preventScroll: true });
    rows[here].scrollIntoView({ block: 'nearest' });
  };

  all.addEventListener('change', () => {
    for (const row of rows) box(row).checked = all.checked;
    show();
  });
  form.addEventListener('change', show);
  form.addEventListener('focusin', (event) => {
    const row = event.target.closest('[data-verify-row]');
    if (row) here = rows.indexOf(row);
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest('input:not([type="checkbox"]), select, textarea, button, a, summary, dialog');
    const letter = event.key.toLowerCase();
    if (field && (letter !== 'j' && letter !== 'k' && letter !== 'v')) return;
    if (field && field.matches('input, select, textarea')) return;
    if (letter === 'j') go(here + 1);
    else if (letter === 'k') go(here - 1);
    else if (letter === 'v') {
      if (rows.some((row) => box(row).checked)) form.requestSubmit();
    } else if (event.key === ' ' && here >= 0 && !event.target.matches('input')) {
      box(rows[here]).checked = !box(rows[here]).checked;
      show();
    } else if (event.key === 'Enter' && here >= 0) {
      rows[here].querySelector('a').click();
    } else return;
    event.preventDefault();
  });
  show();
}
