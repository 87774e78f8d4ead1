/** Where the page begins: the server computes where `darklift web` serves it, else this browser does. */
import { BrowserStudio } from "../browser/studio.ts";
import { ServerStudio, servedByDarklift } from "../server/index.ts";
import { startPage } from "./page.ts";
import "./styles/page.css";

void startPage(servedByDarklift() ? new ServerStudio() : new BrowserStudio());
