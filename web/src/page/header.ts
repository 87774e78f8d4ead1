/** Language, light and dark, and installing. */
import { find, icon } from "./find.ts";
import { recall, remember } from "./remember.ts";
import { bestLanguage, currentLanguage, LANGUAGES, onLanguage, say, speak } from "./texts.ts";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/** First of all: what is seen and read depends on it. */
export function startHeader(): void {
  startTheme();
  startLanguage();
  const button = find("install");
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    button.hidden = false;
    button.onclick = () => {
      button.hidden = true;
      void (event as InstallPrompt).prompt();
    };
  });
}

function startLanguage(): void {
  const select = find<HTMLSelectElement>("language");
  for (const [code, texts] of Object.entries(LANGUAGES)) {
    const option = new Option(texts["language.name"] as string, code);
    option.lang = code;
    select.add(option);
  }
  const remembered = recall("language");
  speak(typeof remembered === "string" && remembered in LANGUAGES ? remembered : bestLanguage(navigator.languages));
  select.value = currentLanguage();
  select.addEventListener("change", () => {
    remember("language", select.value);
    speak(select.value);
  });
}

function startTheme(): void {
  const button = find<HTMLButtonElement>("theme");
  const bright = matchMedia("(prefers-color-scheme: light)");
  const remembered = recall("theme");
  let theme: Theme = THEMES.find((known) => known === remembered) ?? "auto";
  const show = () => {
    const shown = theme === "auto" ? (bright.matches ? "light" : "dark") : theme;
    document.documentElement.dataset.theme = shown;
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
    document.querySelector<HTMLMetaElement>("meta[name=theme-color]")!.content = ground;
    button.title = say("theme", { theme: say(`theme.${theme}`) });
    button.setAttribute("aria-label", button.title);
    button.replaceChildren(icon(theme));
  };
  bright.addEventListener("change", show);
  onLanguage(show);
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    show();
    dispatchEvent(new Event("themechange"));
  });
  show();
}
