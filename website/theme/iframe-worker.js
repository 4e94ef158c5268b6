/* The theme searches in a Worker, and browsers start none for pages opened from a folder (file://). There a hidden frame stands in for it:
 * same calls, same messages, on the page's own thread. The name IFrameWorker is what the theme's script looks for in its parent, to
 * find its files. */
(() => {
  if (location.protocol !== "file:") return;
  const inside =
    "<script>" +
    "var importScripts = (...urls) => Promise.all(urls.map((url) => new Promise((done, failed) => {" +
    "  const one = document.createElement('script'); one.src = url; one.onload = done; one.onerror = failed; document.body.append(one); })));" +
    "postMessage = (data) => frameElement.answers(data);" +
    "<\/script>";
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.answers = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      document.body.append(this.frame);
      const page = this.frame.contentWindow.document;
      page.open();
      page.write("<!doctype html><html><body>" + inside + '<script src="' + url + '"><\/script></body></html>');
      page.close();
      this.frame.addEventListener("load", () => this.waiting.splice(0).forEach((data) => this.postMessage(data)), { once: true });
    }
    postMessage(data) {
      const inner = this.frame.contentWindow;
      if (inner.document.readyState !== "complete") this.waiting.push(data);
      else inner.dispatchEvent(new MessageEvent("message", { data, source: window }));
    }
    terminate() {
      this.frame.remove();
    }
  };
  window.Worker = window.IFrameWorker;
})();
