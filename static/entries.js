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

  // Counted from 1 among all entries, of which a page shows some.
  const placeOfItem = (item) => Number(list().dataset.before) + items().indexOf(item) + 1;

  // The server says what the order is now, and shows the page on which the entry is.
  function move(item, place) {
    if (place < 1 || place > Number(list().dataset.total) || place === placeOfItem(item)) return;
    const field = item.querySelector("[name=place]");
    field.value = place;
    moved = item.querySelector(".grip").id;
    field.form.requestSubmit();
  }

  document.addEventListener("keydown", (event) => {
    if (!event.target.matches(".grip")) return;
    const item = event.target.closest("li");
    const at = placeOfItem(item);
    const place = {ArrowUp: at - 1, ArrowDown: at + 1, Home: 1, End: Number(list().dataset.total)}[event.key];
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
    move(dragged, placeOfItem(over));
  });
  document.addEventListener("dragend", () => {
    for (const item of items()) item.classList.remove("dragged", "over");
    dragged = null;
  });

  document.addEventListener("htmx:afterSettle", show);
  show();
})();
