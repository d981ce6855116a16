// The queue: ticked rows that survive a refresh, and keys.
"use strict";

(() => {
  const ticked = new Set();
  let last = null;
  const find = (selector) => document.querySelector(selector);
  const boxes = () => [...document.querySelectorAll("#queue input[name=ids]")];
  const rows = () => [...document.querySelectorAll("#queue tbody tr")];

  function tell() {
    const all = boxes();
    const picked = find("[data-picked]");
    if (!picked) return;
    for (const box of all) {
      box.checked = ticked.has(box.value);
      box.closest("tr").classList.toggle("ticked", box.checked);
    }
    const number = all.filter((box) => box.checked).length;
    const page = find("#pick-page");
    page.checked = number > 0 && number === all.length;
    page.indeterminate = number > 0 && number < all.length;
    const matching = find("#pick-matching").checked;
    const none = "Tick items (x), or all that match";
    const words = matching ? "all that match" : number ? `${number} ticked` : none;
    if (picked.textContent !== words) picked.textContent = words;
    for (const button of document.querySelectorAll("#bulk button")) {
      button.dataset.off ??= button.disabled ? "tab" : "";
      if (button.dataset.off === "tab") continue;
      button.disabled = !matching && !number;
      button.title = button.disabled ? none : "";
    }
  }

  function tick(box, on) {
    if (on) ticked.add(box.value);
    else ticked.delete(box.value);
  }

  // The click carries Shift, which the change that follows it does not.
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (box.matches("#queue input[name=ids]")) {
      const all = boxes();
      const from = event.shiftKey ? all.findIndex((other) => other.value === last) : -1;
      const to = all.indexOf(box);
      const some = from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
      for (const each of some) tick(each, box.checked);
      last = box.value;
      tell();
    } else if (box.matches("#pick-page")) {
      for (const each of boxes()) tick(each, box.checked);
      tell();
    } else if (box.matches("#pick-matching")) {
      tell();
    }
  });

  let everything = false;
  document.addEventListener("htmx:beforeSwap", () => {
    everything = Boolean(find("#pick-matching")?.checked);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === find("#ask")) return;
    const again = new URLSearchParams(event.detail.requestConfig?.path?.split("?")[1]).has("rows");
    const matching = find("#pick-matching");
    if (matching && again) matching.checked = everything;
    tell();
  });
  document.addEventListener("question-answered", () => ticked.clear());

  function go(step) {
    const all = rows();
    if (!all.length) return;
    const here = all.indexOf(document.activeElement.closest?.("#queue tbody tr"));
    const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), all.length - 1);
    all[next].querySelector("a.name").focus();
  }

  function act(name) {
    if (!find("#bulk")) return;
    const row = document.activeElement.closest?.("#queue tbody tr");
    const none = !boxes().some((box) => box.checked) && !find("#pick-matching")?.checked;
    if (row && none) {
      tick(row.querySelector("input[name=ids]"), true);
      tell();
    }
    // On a tab whose items are tried again anyway, to retry is to try now.
    const off = name === "retry" && find("#bulk-retry")?.dataset.off === "tab";
    find(off ? "#bulk-try-now" : `#bulk-${name}`)?.click();
  }

  const KEYS = {
    j: () => go(1),
    k: () => go(-1),
    x: () => document.activeElement.closest?.("#queue tbody tr")?.querySelector("input[name=ids]")?.click(),
    r: () => act("retry"),
    f: () => act("fail"),
    n: () => find("#show-new")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]") || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  tell();
})();
