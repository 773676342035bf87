// One-letter keys: an element with data-key is followed, pressed or focused by it. A person may switch them off.

const STORE = "webadmin.keys";
const dialog = document.querySelector("[data-keys]");

function typing(target) {
  return target.isContentEditable || (target.matches("input, select, textarea") && !target.matches("[type=checkbox], [type=radio]"));
}

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (localStorage.getItem(STORE) === "off" || document.querySelector("dialog[open]")) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("input")) { wanted.focus(); wanted.select(); } else wanted.click();
}

if (dialog) {
  const tick = dialog.querySelector("[type=checkbox]");
  tick.checked = localStorage.getItem(STORE) !== "off";
  tick.addEventListener("change", () => localStorage.setItem(STORE, tick.checked ? "on" : "off"));
  document.addEventListener("keydown", press);
}
