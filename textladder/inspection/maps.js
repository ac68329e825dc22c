"use strict";
const which = document.getElementById("which");
const show = () => {
  for (const table of document.querySelectorAll("[data-map]")) table.hidden = table.dataset.map !== which.value;
};
if (which) {
  which.addEventListener("change", show);
  show();
}
const all = document.getElementById("all-nodes"), tree = document.getElementById("tree");
if (all) {
  const grow = () => {
    tree.classList.toggle("few", !all.checked);
    tree.setAttribute("height", all.checked ? tree.dataset.all : tree.dataset.few);
  };
  all.addEventListener("change", grow);
  grow();
}
