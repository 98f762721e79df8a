/** Let the browser keep the application and offer to install it: in a build alone, where there is a service worker. */
export function register(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // Where a browser refuses (private windows), the pages work as they did.
  addEventListener("load", () => navigator.serviceWorker.register("/sw.js").catch(() => undefined));
}
