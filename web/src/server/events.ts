/** Server-sent events of one answer. (EventSource cannot send a token, nor be aborted by a signal.) */

export interface ServerEvent {
  name: string;
  data: string;
}

/** Until the server ends them. */
export async function* eventsOf(answer: Response): AsyncGenerator<ServerEvent> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      waiting += value;
      const parts = waiting.split("\n\n");
      waiting = parts.pop() ?? "";
      for (const part of parts) {
        const event = parse(part);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined); // it has failed already, which read() has told
  }
}

/** null for a comment, which only keeps the connection open. */
function parse(text: string): ServerEvent | null {
  const fields = { event: "message", data: "" };
  for (const line of text.split("\n")) {
    const [name, ...rest] = line.split(": ");
    if (name === "event" || name === "data") fields[name] = rest.join(": ");
  }
  return fields.data ? { name: fields.event, data: fields.data } : null;
}
