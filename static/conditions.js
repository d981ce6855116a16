// Checks conditions while they are written, and hides the script of an entry that runs a library file.
"use strict";

(() => {
  const conditions = document.getElementById("conditions");
  const waiting = new WeakMap();
  const asked = new WeakMap();

  async function check(row) {
    const question = {};
    asked.set(row, question);
    const fields = [...row.querySelectorAll("input, select")].map((field) => [field.name, field.value]);
    const body = new URLSearchParams(fields);
    const answer = await fetch(conditions.dataset.check, {method: "POST", body, headers: {"X-CSRFToken": csrfToken()}});
    const words = await answer.text();
    // An answer to what was there before may come last.
    if (answer.ok && !answer.redirected && asked.get(row) === question) row.querySelector(".words").innerHTML = words;
  }

  conditions?.addEventListener("input", (event) => {
    const row = event.target.closest(".condition-row");
    clearTimeout(waiting.get(row));
    waiting.set(row, setTimeout(() => check(row), 300));
  });
  // What was written before this ran, and what the browser gives back after Back.
  if (conditions)
    window.addEventListener("pageshow", () => {
      for (const row of conditions.querySelectorAll(".condition-row"))
        if ([...row.querySelectorAll("input")].some((field) => field.value !== field.defaultValue)) check(row);
    });
  conditions?.addEventListener("click", (event) => {
    if (!event.target.matches("[data-remove-row]")) return;
    event.target.closest(".condition-row").remove();
    conditions.closest("fieldset").dispatchEvent(new Event("input", {bubbles: true}));
  });

  const library = document.querySelector("[data-library]");
  const script = document.querySelector("[data-script]");
  const showScript = () => (script.hidden = library.value !== "");
  if (library && script) {
    library.addEventListener("change", showScript);
    // After Back the browser chooses what was chosen before.
    window.addEventListener("pageshow", showScript);
    showScript();
  }
})();
