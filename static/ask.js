// The question before an action: opens when it has come, closes when it is answered; and the time for Undo.
"use strict";

(() => {
  const find = (selector) => document.querySelector(selector);

  document.addEventListener("htmx:afterSwap", (event) => {
    const ask = find("#ask");
    if (event.detail.target === ask && !ask.open) ask.showModal();
  });
  document.addEventListener("htmx:beforeSwap", ({detail}) => {
    // What was refused comes back as a question, too, and says why.
    if (detail.xhr.getResponseHeader("X-Question")) Object.assign(detail, {shouldSwap: true, isError: false});
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id !== "question" || !event.detail.successful) return;
    // A question comes back as a question when something is missing, or when the one before asked where to.
    if (event.detail.xhr.getResponseHeader("X-Question")) return;
    find("#ask")?.close();
    document.dispatchEvent(new CustomEvent("question-answered"));
  });
  document.addEventListener("click", (event) => {
    if (!event.target.matches("[data-close]") || !event.target.closest("dialog")) return;
    event.preventDefault();
    event.target.closest("dialog").close();
  });

  function expire() {
    for (const offer of document.querySelectorAll("form[data-until]")) {
      if (Date.now() > new Date(offer.dataset.until)) offer.remove();
    }
  }
  document.addEventListener("htmx:afterSettle", expire);
  setInterval(expire, 500);
  expire();
})();
