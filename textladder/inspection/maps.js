"use strict";
const which = document.getElementById("which");
const show = () => {
  for (const table of document.querySelectorAll("[data-map]")) table.hidden = table.dataset.map !== which.value;
};
which.addEventListener("change", show);
show();
