// Runs the dry run again when what it depends on has rested for half a second, and leads from an error to its line.
"use strict";

(() => {
  const RESTED = 500;
  const form = document.getElementById("script-form");
  const trial = document.querySelector(".trial");
  const typing = document.getElementById("trial-auto");
  if (!form || !trial) return;

  document.getElementById("trial-typing").hidden = false;
  typing.checked = localStorage.getItem("dry-run-while-typing") !== "no";
  typing.addEventListener("change", () => {
    localStorage.setItem("dry-run-while-typing", typing.checked ? "yes" : "no");
    later();
  });

  // Dry runs of one page replace each other on the server, too; those of another window do not.
  document.getElementById("trial-page").value = Math.random();

  let timer = 0;

  // The button drops the answer that it still waits for (hx-sync), and the server stops working on it.
  const run = () => document.getElementById("try").click();

  // By hand, too: what is waited for would be the same once more.
  document.getElementById("try").addEventListener("click", () => clearTimeout(timer));

  // What was kept was what stood here before; the result of one that was asked for earlier may still come.
  const forgetKept = () => document.getElementById("kept").replaceChildren();

  function later() {
    clearTimeout(timer);
    if (typing.checked && document.querySelector("#sample[data-chosen]")) timer = setTimeout(run, RESTED);
  }

  // The one that was dropped can reach the server last, and this one, which is still waited for, is given up there.
  document.getElementById("try").addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr?.status !== 204) return;
    clearTimeout(timer);
    timer = setTimeout(run, RESTED);
  });

  const counts = (field) => field.form === form && field.type !== "file" && !["test_name", "description"].includes(field.name);
  document.addEventListener("input", (event) => {
    if (!counts(event.target)) return;
    forgetKept();
    later();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("#script-form, .trial")) {
      event.preventDefault();
      run();
    }
  });
  // A file that is refused anyway need not travel first.
  trial.addEventListener("change", ({target}) => {
    if (target.type !== "file") return;
    const most = Number(target.dataset.most);
    const words = `larger than ${most / 1048576} MiB`;
    target.setCustomValidity([...target.files].some((file) => file.size > most) ? words : "");
    target.reportValidity();
  });
  // An error while it ran is marked at its line, of the entry or of the file that stands in the editor.
  document.addEventListener("htmx:afterSwap", ({target}) => {
    if (target.id === "sample") forgetKept();
    if (target.id !== "result") return;
    const area = document.querySelector("textarea[data-editor]");
    const wrong = [...target.querySelectorAll("[data-failed]")].map((row) => ({
      here: row.matches(".here"),
      line: row.dataset.failed,
      message: row.querySelector("[data-reason]")?.textContent || "",
    }));
    const file = area.dataset.path && `${area.dataset.path}: `;
    const found = wrong.find(({here, line, message}) => line && (file ? message.startsWith(file) : here && !/^\S+\.lua: /.test(message)));
    area.dispatchEvent(new CustomEvent("script-ran", {detail: found || {}}));
  });
  trial.addEventListener("click", (event) => {
    const line = event.target.dataset.line;
    if (!line) return;
    const area = document.querySelector("textarea[data-editor]");
    area.dispatchEvent(new CustomEvent("go-to-line", {detail: Number(line)}));
  });
})();
