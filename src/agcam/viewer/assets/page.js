// The script of a page.

import { start } from "./start.js";

start();
