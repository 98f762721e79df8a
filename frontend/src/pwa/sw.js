// The service worker: keeps the files of one build (VERSION and FILES stand above), and nothing that is an answer.
/* global VERSION, FILES */

const CACHE = `shadowpool-${VERSION}`;

self.addEventListener("install", (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  const drop = async () => {
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith("shadowpool-") && name !== CACHE).map((name) => caches.delete(name)),
    );
  };
  event.waitUntil(drop());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    // The server first, whose headers may have changed; the page as it was kept if there is no network.
    if (isPage(url.pathname)) event.respondWith(fetch(request).catch(() => kept("/")));
  } else if (url.pathname.startsWith("/assets/") && FILES.includes(url.pathname)) {
    event.respondWith(kept(url.pathname).then((found) => found ?? fetch(request)));
  } else if (FILES.includes(url.pathname)) {
    event.respondWith(fetch(request).catch(() => kept(url.pathname)));
  }
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const show = async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    const desk = pages.find((page) => new URL(page.url).pathname.startsWith("/desk"));
    return desk ? desk.focus() : self.clients.openWindow("/desk/blotter");
  };
  event.waitUntil(show());
});

/** Not the API, its descriptions or its files. */
function isPage(path) {
  return !/^\/(v1|graphql|docs|artifacts)(\/|$)/.test(path) && path !== "/openapi.json";
}

async function kept(path) {
  return (await caches.open(CACHE)).match(path);
}
