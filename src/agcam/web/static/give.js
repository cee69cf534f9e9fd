// Giving a picture: by button, camera, drop or paste.

const NO_PICTURE = "This is not a picture file.";
const NO_ADDRESS = "Only picture files are taken, not addresses: save the picture and drop the file.";

const at = (id) => document.getElementById(id);

/** Call give(file) with each picture, and refuse(text, name) for what is none. */
export function listenForPictures(give, refuse) {
  const accept = (file) => (file.type && !file.type.startsWith("image/") ? refuse(NO_PICTURE, file.name) : give(file));
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
  const over = (event) => {
    if (event.type !== "dragleave") event.preventDefault();
    if (event.type !== "dragleave" || !event.relatedTarget)
      document.body.classList.toggle("over", event.type === "dragover");
  };
  for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, over);
  document.addEventListener("drop", ({ dataTransfer }) => {
    const [file] = dataTransfer?.files ?? [];
    if (file) accept(file);
    else refuse(NO_ADDRESS, "What you dropped");
  });
}
