/** The page's {@link Studio} where `darklift web` serves it: photos go to that server, which computes with all it has. */

import type { Facts, OnProgress, Photo, Studio } from "../studio.ts";
import { Server } from "./http.ts";
import { openPhoto } from "./photo.ts";

interface Models {
  computes: string;
  models: { name: string; title: string; bytes: number; uncertainty: boolean }[];
}

interface Formats {
  formats: { name: string; extensions: string[] }[];
}

/** Whether the page came from such a server, which says so in its head: <meta name="darklift-studio" content="server">. */
export function servedByDarklift(): boolean {
  return document.querySelector<HTMLMetaElement>('meta[name="darklift-studio"]')?.content === "server";
}

export class ServerStudio implements Studio {
  private extensions: string[][] = [];

  constructor(private readonly server: Server = new Server()) {}

  async start(_onProgress?: OnProgress): Promise<Facts> {
    const [{ computes, models }, { formats }] = await Promise.all([
      this.server.json<Models>("models"),
      this.server.json<Formats>("formats"),
    ]);
    this.extensions = formats.map((format) => format.extensions);
    return { models, computes, opens: this.extensions.flat(), sends: true };
  }

  open(file: File, signal?: AbortSignal): Promise<Photo> {
    return openPhoto(this.server, file, this.extensions, signal);
  }
}
