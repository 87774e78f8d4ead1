/** The worker's script: what computes, away from the page. */
import { Bench } from "./bench.ts";
import { serve } from "./queue.ts";
import { isThread } from "./runtime.ts";

if (!isThread()) serve(new Bench());
