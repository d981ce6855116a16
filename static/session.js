// Tells the server how long nobody has touched the page, and leaves it when the session has ended.
"use strict";

(() => {
  const ENDED = 4401;
  let touched = Date.now();

  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    document.addEventListener(kind, () => (touched = Date.now()), {passive: true, capture: true});
  }
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-Idle-Seconds"] = String(Math.floor((Date.now() - touched) / 1000));
  });
  document.addEventListener("htmx:wsClose", (event) => {
    // The server has ended the session: what a live page shows may be seen no longer.
    if (event.detail.event.code === ENDED && document.querySelector("[hx-trigger*='queue-changed']")) location.reload();
  });
  window.addEventListener("pageshow", (event) => {
    // The browser's own copy of a page may be older than the log-out.
    if (event.persisted) location.reload();
  });
})();
