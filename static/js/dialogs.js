// A link or button with data-dialog opens the dialog of that id in place. Without this a link leads to the same question as a page.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog).showModal();
  }
  const closer = event.target.closest("[data-close]");
  if (closer || event.target.matches("dialog")) event.target.closest("dialog").close();
});

for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;
