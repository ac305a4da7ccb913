declare const self: Worker;

// It takes whatever it is sent, and answers nothing.
self.addEventListener("message", () => {});
