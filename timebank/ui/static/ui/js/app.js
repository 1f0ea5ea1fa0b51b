// Small helps for every page. Nothing here is needed to use a page: each works without JavaScript.

const ready = (root) => {
  const target = root.querySelector("[data-focus]") || root.querySelector("[data-keep-focus]");
  if (target) target.focus();
  root.querySelectorAll("[data-result]").forEach(announce);
  root.querySelectorAll("[data-print]").forEach((button) => { button.hidden = false; });
};

// -- Submit once: the first tap counts, the button wakes up again when the page comes back -------------------------
const sent = new Set();
const wake = (form) => {
  sent.delete(form);
  for (const button of form.querySelectorAll("[data-was-sent]")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    button.removeAttribute("data-was-sent");
  }
};
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || "many" in form.dataset) return;
  if (sent.has(form)) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  if (form.target && form.target !== "_self") return; // a new window leaves this page as it is
  sent.add(form);
  // After the browser has read the form: a disabled button would not be sent.
  setTimeout(() => {
    if (event.defaultPrevented && !form.hasAttribute("hx-post")) { wake(form); return; }
    for (const button of form.querySelectorAll("button:not([type=button]), input[type=submit]")) {
      if (button.disabled) continue;
      button.disabled = true;
      button.dataset.wasSent = "";
      if (button === event.submitter) button.setAttribute("aria-busy", "true");
    }
    // A download or a lost connection leaves us here: after ten seconds the person may try again (the key keeps it one).
    setTimeout(() => wake(form), 10000);
  }, 0);
}, true);
window.addEventListener("pageshow", () => { for (const form of [...sent]) wake(form); });
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest && event.target.closest("form");
  if (form) wake(form);
});

// -- Dialogs --------------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog && dialog.showModal) { event.preventDefault(); dialog.showModal(); }
    return;
  }
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog").close();
  else if (event.target.closest("[data-print]")) window.print();
  else if (event.target.closest(".summary a[href^='#']")) {
    const field = document.getElementById(event.target.closest("a").hash.slice(1));
    if (field) { event.preventDefault(); field.focus(); field.scrollIntoView({ block: "center" }); }
  }
});

// -- Forms that send themselves (filters, search) -------------------------------------------------------------------
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form && !form.hasAttribute("hx-get")) form.requestSubmit ? form.requestSubmit() : form.submit();
});

// -- Hand scanner: it types like a keyboard, so the field must keep the focus -----------------------------------------
document.addEventListener("focusout", (event) => {
  const field = event.target.closest && event.target.closest("[data-keep-focus]");
  if (!field) return;
  // Only when the focus fell on nothing: whoever moves it on purpose keeps it.
  setTimeout(() => { if (document.activeElement === document.body && document.contains(field)) field.focus(); }, 150);
});

// A code that is read while the focus stands on a button or a link goes to the field all the same, from its first key on.
document.addEventListener("keydown", (event) => {
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = document.querySelector("[data-keep-focus]");
  if (!field || document.querySelector("dialog[open]") || event.target.closest("input, select, textarea, [contenteditable]")) return;
  field.focus();
  field.value += event.key;
  event.preventDefault();
});

// -- The counter's answer: tone and vibration beside words, colour and icon -------------------------------------------
const TUNES = { good: [[880, 0, .12], [1320, .13, .2]], warn: [[520, 0, .18], [520, .26, .18]], bad: [[220, 0, .5]] };
const BUZZ = { good: [80], warn: [120, 80, 120], bad: [400] };
let sound;
document.addEventListener("pointerdown", () => { if (!sound && window.AudioContext) sound = new AudioContext(); }, { once: true });
document.addEventListener("keydown", () => { if (!sound && window.AudioContext) sound = new AudioContext(); }, { once: true });
function announce(element) {
  const tone = element.dataset.result;
  if (navigator.vibrate && navigator.userActivation?.hasBeenActive !== false) navigator.vibrate(BUZZ[tone] || []);
  if (!sound) return;
  for (const [pitch, start, length] of TUNES[tone] || []) {
    const voice = sound.createOscillator();
    const volume = sound.createGain();
    voice.frequency.value = pitch;
    volume.gain.value = .15;
    voice.connect(volume).connect(sound.destination);
    voice.start(sound.currentTime + start);
    voice.stop(sound.currentTime + start + length);
  }
}

// -- Keep the screen awake while a ticket is shown ----------------------------------------------------------------------
const stayAwake = () => {
  if (document.visibilityState === "visible" && document.querySelector("[data-wake]") && navigator.wakeLock) {
    navigator.wakeLock.request("screen").catch(() => {}); // a low battery may refuse: the ticket shows all the same
  }
};
document.addEventListener("visibilitychange", stayAwake);
stayAwake();

// -- htmx ---------------------------------------------------------------------------------------------------------------
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token.value;
});
document.addEventListener("htmx:afterSettle", (event) => ready(event.detail.elt));

// -- Camera: only where there is a scan form ------------------------------------------------------------------------------
if (document.querySelector("[data-scan]")) import("./scan.js").then((scan) => scan.start());
ready(document);
