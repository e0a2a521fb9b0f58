"use strict";
// Lights up the bytes of a field, and the field of a byte: in the message in which somebody points at one of them.
const light = (event) => {
  for (const each of document.querySelectorAll(".lit")) each.classList.remove("lit");
  const one = event.target.closest("[data-f]");
  const bytes = one && one.closest(".bytes");
  if (!bytes) return;
  for (const each of bytes.querySelectorAll(`[data-f="${one.dataset.f}"]`)) each.classList.add("lit");
};
document.addEventListener("mouseover", light);
document.addEventListener("focusin", light);
document.addEventListener("click", (event) => {
  const one = event.target.closest("b[data-f]");
  const field = one && one.closest(".bytes").querySelector(`.field[data-f="${one.dataset.f}"]`);
  if (field) field.focus();
});
