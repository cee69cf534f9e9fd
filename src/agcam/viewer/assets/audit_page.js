// The script of an audit's page: other pages do not carry what only audits need.

import { Audit } from "./audit.js";
import { start } from "./start.js";
import { OVERVIEWS } from "./viewer.js";

OVERVIEWS.audit = Audit;
start();
