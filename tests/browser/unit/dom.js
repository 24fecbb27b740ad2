// As much of a DOM as the renderers use, with a serialiser that escapes: what tests compare.

class Node {
  constructor() {
    this.parentNode = null;
  }

  remove() {
    if (!this.parentNode) return;
    const siblings = this.parentNode.childNodes;
    siblings.splice(siblings.indexOf(this), 1);
    this.parentNode = null;
  }

  replaceWith(other) {
    const siblings = this.parentNode.childNodes;
    siblings[siblings.indexOf(this)] = other;
    other.parentNode = this.parentNode;
    this.parentNode = null;
  }
}

class Text extends Node {
  constructor(data) {
    super();
    this.data = data;
  }

  get textContent() {
    return this.data;
  }

  get outerHTML() {
    return this.data.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
  }
}

class Element extends Node {
  constructor(name) {
    super();
    this.localName = name;
    this.attributes = new Map();
    this.listeners = new Map();
    this.childNodes = [];
  }

  set className(value) {
    this.setAttribute("class", value);
  }

  get className() {
    return this.attributes.get("class") ?? "";
  }

  set tabIndex(value) {
    this.setAttribute("tabindex", String(value));
  }

  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  addEventListener(name, listener) {
    this.listeners.set(name, listener);
  }

  click() {
    this.listeners.get("click")();
  }

  append(...nodes) {
    for (const node of nodes) {
      const made = node instanceof Node ? node : new Text(String(node));
      made.remove();
      made.parentNode = this;
      this.childNodes.push(made);
    }
  }

  replaceChildren(...nodes) {
    for (const node of this.childNodes) node.parentNode = null;
    this.childNodes = [];
    this.append(...nodes);
  }

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(text);
  }

  get innerHTML() {
    return this.childNodes.map((node) => node.outerHTML).join("");
  }

  get outerHTML() {
    const attributes = [...this.attributes]
      .map(([name, value]) => ` ${name}="${value.replace(/[&"]/g, (char) => `&#${char.charCodeAt(0)};`)}"`);
    return `<${this.localName}${attributes.join("")}>${this.innerHTML}</${this.localName}>`;
  }

  /** All elements below, this one included. */
  * elements() {
    const stack = [this];
    while (stack.length > 0) {
      const node = stack.pop();
      if (!(node instanceof Element)) continue;
      yield node;
      stack.push(...node.childNodes);
    }
  }

  /** How deep elements nest below. */
  get depth() {
    let deepest = 0;
    const stack = [[this, 0]];
    while (stack.length > 0) {
      const [node, depth] = stack.pop();
      deepest = Math.max(deepest, depth);
      for (const child of node.childNodes ?? []) stack.push([child, depth + 1]);
    }
    return deepest;
  }
}

export const document = {
  createElement: (name) => new Element(name),
  createTextNode: (text) => new Text(text),
};
