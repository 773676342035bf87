// Puts away the columns a person does not want, and remembers it. Works on the table with data-columns="name of the list".

const menu = document.querySelector("[data-column-menu]");

function apply() {
  const table = document.querySelector("table[data-columns]");
  if (!table) return;
  const hidden = JSON.parse(localStorage.getItem(`webadmin.columns.${table.dataset.columns}`) ?? "[]");
  [...table.querySelectorAll("th[data-column]")].forEach((head, index) => {
    table.classList.toggle(`without-${index + 1}`, hidden.includes(head.dataset.column));
  });
  for (const tick of menu.querySelectorAll("[type=checkbox]")) tick.checked = !hidden.includes(tick.value);
}

function choose() {
  const hidden = [...menu.querySelectorAll("[type=checkbox]:not(:checked)")].map((tick) => tick.value);
  localStorage.setItem(`webadmin.columns.${menu.dataset.columnMenu}`, JSON.stringify(hidden));
  apply();
}

if (menu) {
  apply();
  menu.addEventListener("change", choose);
  document.addEventListener("results", apply);
}
