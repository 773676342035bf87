// One-letter keys: an element with data-key is followed, pressed or focused by it. A person may switch them off; a cookie
// remembers it, which a sign-out leaves alone.

const OFF = "webadmin_keys=off";
const dialog = document.querySelector("[data-keys]");

const off = () => document.cookie.split("; ").includes(OFF);

function typing(target) {
  return target.isContentEditable || (target.matches("input, select, textarea") && !target.matches("[type=checkbox], [type=radio]"));
}

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (off() || document.querySelector("dialog[open]")) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("input")) { wanted.focus(); wanted.select(); } else wanted.click();
}

if (dialog) {
  const tick = dialog.querySelector("[type=checkbox]");
  tick.checked = !off();
  tick.addEventListener("change", () => { document.cookie = `${OFF}; path=/; samesite=lax; max-age=${tick.checked ? 0 : 31536000}`; });
  document.addEventListener("keydown", press);
}
