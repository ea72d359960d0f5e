import "./style.css";

document.querySelector<HTMLDivElement>("#app")!.textContent = "gscompress";
