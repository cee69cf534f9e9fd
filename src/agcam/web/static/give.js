// Giving a picture: by button, camera, drop or paste.

const NO_PICTURE = "This is not a picture file.";
const NO_ADDRESS = "Only picture files are taken, not addresses: save the picture and drop the file.";

/** @param {{give: (file: File) => void, refuse: (text: string) => void}} take */
export function listenForPictures({ give, refuse }) {
  const at = (id) => document.getElementById(id);
  const accept = (file) => (file.type && !file.type.startsWith("image/") ? refuse(NO_PICTURE) : give(file));
  for (const [button, name] of [["choose", "file"], ["photograph", "camera"]]) {
    const input = at(name);
    const take = () => {
      if (input.files.length) accept(input.files[0]);
      input.value = "";
    };
    at(button).addEventListener("click", () => input.click());
    input.addEventListener("change", take);
    take(); // one that was chosen before this script came
  }
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    accept(file);
  });
  listenForDrops((files) => (files.length ? accept(files[0]) : refuse(NO_ADDRESS)));
}

function listenForDrops(take) {
  const mark = (over) => document.body.classList.toggle("over", over);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    take(event.dataTransfer?.files ?? []);
  });
}
