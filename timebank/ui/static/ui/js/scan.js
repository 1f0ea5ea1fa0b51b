// Reading a QR by the phone's camera, for forms marked data-scan. Typed codes and hand scanners need none of this.
// The decoder is loaded on the first tap, from our own host.

export function start(root = document) {
  for (const form of root.querySelectorAll("[data-scan]")) offer(form);
}

function offer(form) {
  const part = (name) => form.querySelector(`[data-scan-${name}]`);
  const input = part("input"), view = part("view"), says = part("says"), begin = part("start"), end = part("stop");
  // Cameras exist for pages only over HTTPS (or on this machine): otherwise say nothing and offer nothing.
  if (!input || !view || !begin || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return;
  part("offer").hidden = false;
  let scanner;

  const say = (what) => { if (says) says.textContent = says.dataset[what] || ""; };
  const stop = () => {
    if (scanner) { scanner.stop(); scanner.destroy(); scanner = undefined; }
    view.hidden = true;
    part("offer").hidden = false;
    say("");
  };
  const read = (result) => {
    input.value = result.data.trim();
    if (navigator.vibrate) navigator.vibrate(60);
    stop();
    say("sayRead");
    if (form.requestSubmit) form.requestSubmit(); else form.submit();
  };

  begin.addEventListener("click", async () => {
    begin.disabled = true;
    try {
      const { default: QrScanner } = await import("./vendor/qr-scanner.min.js");
      view.hidden = false;
      part("offer").hidden = true;
      scanner = new QrScanner(view.querySelector("video"), read, { returnDetailedScanResult: true, preferredCamera: "environment", maxScansPerSecond: 8, onDecodeError: () => {} });
      await scanner.start();
      say("sayLooking");
      end.focus();
    } catch (problem) {
      const denied = String(problem && (problem.name || problem)).includes("NotAllowed");
      stop();
      say(denied ? "sayDenied" : "sayNone");
      input.focus();
    } finally {
      begin.disabled = false;
    }
  });
  end.addEventListener("click", () => { stop(); input.focus(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden && scanner) stop(); });

  // After an htmx answer the field is emptied for the next ticket.
  form.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) { input.value = ""; input.focus(); } });
}
