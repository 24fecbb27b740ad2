// As much of IndexedDB as the chat's store uses: transactions run one after the other.

export class FakeIndexedDB {
  constructor() {
    this.stores = new Map();
    this.last = Promise.resolve();
  }

  open() {
    const request = { result: this };
    setImmediate(() => {
      if (this.stores.size === 0) request.onupgradeneeded();
      request.onsuccess();
    });
    return request;
  }

  createObjectStore(name) {
    this.stores.set(name, new Map());
  }

  transaction() {
    const waiting = [];
    const request = (work) => {
      const made = {};
      waiting.push(() => {
        made.result = work();
        made.onsuccess?.();
      });
      return made;
    };
    const transaction = {
      objectStore: (name) => {
        const rows = this.stores.get(name);
        return {
          get: (id) => request(() => structuredClone(rows.get(id))),
          getAll: () => request(() => structuredClone([...rows.values()])),
          delete: (id) => request(() => void rows.delete(id)),
          put: (row) => {
            const copy = structuredClone(row);
            return request(() => void rows.set(copy.id, copy));
          },
        };
      },
    };
    this.last = this.last.then(() => {
      while (waiting.length > 0) waiting.shift()();
      transaction.oncomplete();
    });
    return transaction;
  }
}
