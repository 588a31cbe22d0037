// Elements as plain values, and making a document like them.
//
// Text is only ever text: there is no way to give markup, because what boards carry is text of
// strangers. Elements stay as long as they can, so that focus and scrolling survive a new board.

const SVG = "http://www.w3.org/2000/svg";
const NAME = /^[a-z][a-zA-Z0-9-]*$/;
// The only attributes that lead somewhere; never one that comes with a board.
const ADDRESSES = new Set(["href", "src", "srcdoc", "action", "formaction", "xlink:href"]);

/** Return an element as a value. Children are elements, texts, numbers, lists of them, or nothing. */
export function h(tag, attributes = {}, ...children) {
  const { key = null, ...rest } = attributes ?? {};
  for (const [name, value] of Object.entries(rest)) {
    if (!NAME.test(name) || ADDRESSES.has(name)) throw new Error(`no attribute ${name} here`);
    if (name.startsWith("on") !== (typeof value === "function") && value != null)
      throw new Error(`${name}: functions listen, and nothing else does`);
  }
  return { tag, key, attributes: rest, children: children.flat(Infinity).filter(isShown).map(asChild) };
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== true;
}

function asChild(child) {
  return typeof child === "object" ? child : String(child);
}

/** Make the children of an element of the document what these values say. */
export function patch(parent, children) {
  const keyed = new Map();
  const loose = [];
  for (const node of parent.childNodes) {
    // Of two with one key, which strangers may bring about, the second is nobody's.
    if (node.key == null || keyed.has(node.key)) loose.push(node);
    else keyed.set(node.key, node);
  }
  let place = parent.firstChild;
  for (const child of children) {
    const node = take(child, keyed, loose) ?? create(child, parent);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    if (typeof child === "string") {
      if (node.nodeValue !== child) node.nodeValue = child;
    } else {
      dress(node, child.attributes);
      patch(node, child.children);
    }
  }
  for (const node of [...keyed.values(), ...loose]) node.remove();
}

/** Return the node that already stands for a child, and keep it from being taken again. */
function take(child, keyed, loose) {
  if (typeof child !== "string" && child.key !== null) {
    const node = keyed.get(child.key);
    if (node?.localName !== child.tag) return undefined;
    keyed.delete(child.key);
    return node;
  }
  const name = typeof child === "string" ? "#text" : child.tag;
  const at = loose.findIndex((node) => (node.localName ?? node.nodeName) === name);
  return at < 0 ? undefined : loose.splice(at, 1)[0];
}

function create(child, parent) {
  if (typeof child === "string") return document.createTextNode(child);
  const space = child.tag === "svg" || parent.namespaceURI === SVG ? SVG : parent.namespaceURI;
  const node = document.createElementNS(space, child.tag);
  node.key = child.key;
  node.dressed = {};
  return node;
}

function dress(node, attributes) {
  const before = node.dressed;
  for (const name of Object.keys(before)) if (!(name in attributes)) set(node, name, null);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "object" || before[name] !== value) set(node, name, value);
  node.dressed = attributes;
}

function set(node, name, value) {
  // What a listener returns means nothing: false would undo what the browser does by itself.
  if (name.startsWith("on")) node[name] = value && ((event) => void value(event));
  else if (name === "style") for (const [key, each] of Object.entries(value ?? {})) node.style.setProperty(key, each);
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
}
