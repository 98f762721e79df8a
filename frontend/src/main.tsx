import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { register } from "./pwa/register";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/charts.css";
import "./styles/details.css";
import "./styles/narrow.css";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

register();
