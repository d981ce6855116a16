// The tail of a log can be held still while somebody reads; it says that there is more, and catches up.
"use strict";

(() => {
  let held = false;
  let missed = false;
  const button = () => document.querySelector("[data-tail]");

  function tell() {
    const tail = button();
    if (!tail) return;
    tail.setAttribute("aria-pressed", String(held));
    const words = held ? (missed ? "Resume: there is more" : "Resume") : "Pause";
    if (tail.textContent !== words) tail.textContent = words;
    tail.classList.toggle("main", held);
  }

  document.addEventListener("click", (event) => {
    if (!event.target.matches("[data-tail]")) return;
    held = !held;
    if (!held && missed) document.body.dispatchEvent(new CustomEvent("queue-changed"));
    missed = false;
    tell();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    // Only the log's own refresh: a filter that a person sets is carried out at once.
    if (!held || event.detail.elt.id !== "log") return;
    event.preventDefault();
    missed = true;
    tell();
  });
})();
