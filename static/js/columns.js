// Puts away the columns a person does not want, and remembers it in a cookie, which a sign-out leaves alone.
// Works on the table with data-columns="name of the list".

const menu = document.querySelector("[data-column-menu]");

const cookie = (list) => `webadmin_columns_${list}`;

function hiddenOf(list) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${cookie(list)}=`));
  return found ? found.slice(cookie(list).length + 1).split(".").filter(Boolean) : [];
}

function apply() {
  const table = document.querySelector("table[data-columns]");
  if (!table) return;
  const hidden = hiddenOf(table.dataset.columns);
  [...table.querySelectorAll("th[data-column]")].forEach((head, index) => {
    table.classList.toggle(`without-${index + 1}`, hidden.includes(head.dataset.column));
  });
  for (const tick of menu.querySelectorAll("[type=checkbox]")) tick.checked = !hidden.includes(tick.value);
}

function choose() {
  const hidden = [...menu.querySelectorAll("[type=checkbox]:not(:checked)")].map((tick) => tick.value);
  document.cookie = `${cookie(menu.dataset.columnMenu)}=${hidden.join(".")}; path=/; max-age=31536000; samesite=lax`;
  apply();
}

if (menu) {
  apply();
  menu.addEventListener("change", choose);
  document.addEventListener("results", apply);
}
