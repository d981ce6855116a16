// Tells the server how long nobody has touched the page, leaves it when the session has ended, and goes on in the next.
"use strict";

// A log-in in another window has given the browser a new token; the one in the forms of this page would be refused.
const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] || "";

(() => {
  const ENDED = 4401;
  const live = () => document.querySelector("[hx-trigger*='queue-changed']");
  let touched = Date.now();

  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    document.addEventListener(kind, () => (touched = Date.now()), {passive: true, capture: true});
  }
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.parameters.csrfmiddlewaretoken) event.detail.parameters.csrfmiddlewaretoken = csrfToken();
    event.detail.headers["X-Idle-Seconds"] = String(Math.floor((Date.now() - touched) / 1000));
  });
  document.addEventListener("htmx:wsClose", (event) => {
    // The server has ended the session: what a live page shows may be seen no longer.
    if (event.detail.event.code === ENDED && live()) location.reload();
  });
  document.addEventListener("htmx:responseError", (event) => {
    const {xhr, requestConfig} = event.detail;
    if (xhr.status !== 401 || !live()) return;
    // Told by the log-in (answers.js), which otherwise looks as if the press had been taken.
    if (requestConfig.verb !== "get") sessionStorage.setItem("not-done", "1");
    location.reload();
  });
  document.addEventListener("submit", ({target}) => {
    const token = target.elements.namedItem("csrfmiddlewaretoken");
    if (token) token.value = csrfToken();
  }, {capture: true});
  window.addEventListener("pageshow", (event) => {
    // The browser's own copy of a page may be older than the log-out.
    if (event.persisted) location.reload();
  });
})();
