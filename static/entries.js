// The order of the entries: dragged by their grips, or moved by the arrow keys on them.
"use strict";

(() => {
  const list = () => document.querySelector("[data-entries]");
  const items = () => [...list().children].filter((item) => item.querySelector(".grip"));
  let dragged = null;
  let moved = "";

  function show() {
    for (const grip of document.querySelectorAll(".grip")) {
      grip.hidden = false;
      grip.draggable = true;
    }
    document.getElementById(moved)?.focus();
    moved = "";
  }

  // The server says what the order is now.
  function move(item, place) {
    const at = items().indexOf(item);
    if (place < 0 || place >= items().length || place === at) return;
    item.querySelector("[name=place]").value = place;
    moved = item.querySelector(".grip").id;
    item.querySelector("[data-place]").click();
  }

  document.addEventListener("keydown", (event) => {
    if (!event.target.matches(".grip")) return;
    const item = event.target.closest("li");
    const at = items().indexOf(item);
    const place = {ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: items().length - 1}[event.key];
    if (place === undefined) return;
    event.preventDefault();
    move(item, place);
  });

  document.addEventListener("dragstart", (event) => {
    if (!event.target.matches?.(".grip")) return;
    dragged = event.target.closest("li");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.id);
    event.dataTransfer.setDragImage(dragged, 0, 0);
    dragged.classList.add("dragged");
  });
  document.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest?.("[data-entries] > li");
    if (!over) return;
    event.preventDefault();
    for (const item of items()) item.classList.toggle("over", item === over && item !== dragged);
  });
  document.addEventListener("drop", (event) => {
    const over = dragged && event.target.closest?.("[data-entries] > li");
    if (!over) return;
    event.preventDefault();
    move(dragged, items().indexOf(over));
  });
  document.addEventListener("dragend", () => {
    for (const item of items()) item.classList.remove("dragged", "over");
    dragged = null;
  });

  document.addEventListener("change", ({target}) => {
    if (target.id === "called") target.form.submit();
  });
  document.addEventListener("htmx:afterSettle", show);
  show();
})();
