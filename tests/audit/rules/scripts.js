// What the rules of scripts.yml must find, and what they must leave alone.
function markup(node, text) {
  // ruleid: script-writes-markup
  node.innerHTML = text;
  // ruleid: script-writes-markup
  node.insertAdjacentHTML("beforeend", text);
  // ok: script-writes-markup
  node.textContent = text;
}

function code(text) {
  // ruleid: script-from-text
  eval(text);
  // ruleid: script-from-text
  setTimeout("go()", 5);
  // ok: script-from-text
  setTimeout(() => go(), 5);
}

function storage(token) {
  // ruleid: script-keeps-a-secret
  localStorage.setItem("kept", token);
  // ruleid: script-keeps-a-secret
  document.cookie = `token=${token}`;
  // ok: script-keeps-a-secret
  localStorage.setItem("columns", "email");
}

function windows(other) {
  // ruleid: script-listens-to-anyone
  window.addEventListener("message", go);
  // ok: script-listens-to-anyone
  window.addEventListener("focus", go);
}
