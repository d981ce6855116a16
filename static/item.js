// The page of one item: copies UIDs, goes to the neighbours by key, keeps the log where its reader left it.
"use strict";

(() => {
  const SHOWN_FOR = 1500;

  function say(words) {
    const place = document.getElementById("said");
    if (place) place.textContent = words;
  }

  // Browsers give the clipboard to pages over HTTPS only; elsewhere the old way has to do.
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = Object.assign(document.createElement("textarea"), {value: text, readOnly: true, className: "sr"});
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    let words = "copied";
    try {
      await copy(button.dataset.copy);
    } catch {
      words = "not copied";
    }
    button.focus();
    button.textContent = words;
    say(`${button.getAttribute("aria-label").replace("Copy ", "")} ${words}`);
    setTimeout(() => { button.textContent = "copy"; }, SHOWN_FOR);
  });

  document.addEventListener("keydown", (event) => {
    const relation = {j: "next", k: "prev"}[event.key];
    if (!relation || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    document.querySelector(`.near a[rel=${relation}]`)?.click();
  });

  // The log follows its newest line, unless somebody has scrolled away from it.
  let left = null;

  function follow() {
    const log = document.getElementById("log-lines");
    if (log) log.scrollTop = left ?? log.scrollHeight;
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const log = document.getElementById("log-lines");
    if (!log || event.detail.target.id !== "item") return;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 4;
    left = atEnd ? null : log.scrollTop;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "item") follow();
  });

  follow();
})();
