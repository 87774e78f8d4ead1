/** The page kept for times without a network, where browsers allow that: over HTTPS or from this machine. */

export async function keepOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || location.protocol === "file:") return;
  try {
    await navigator.serviceWorker.register("service_worker.js");
  } catch (error) {
    console.warn("the page is not kept for times without a network:", error);
  }
}
