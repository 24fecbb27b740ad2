// What becomes of conversations that cannot be kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { document } from "./dom.js";
import { FakeIndexedDB } from "./indexed-db.js";

globalThis.document = document;

const web = "../../../crates/server/src/web/static";
const { Keeper } = await import(`${web}/chat-keeper.js`);
const { Notices, showUnkept } = await import(`${web}/chat-notices.js`);
const { MAX_CONVERSATIONS, NotKept, openStore } = await import(`${web}/chat-store.js`);
const { addMessage, newConversation } = await import(`${web}/chat-tree.js`);

/** A store as it is without IndexedDB, which refuses with `refusal` while there is one. */
async function makeStore() {
  const store = await openStore();
  const { save } = store;
  store.save = async (conversation) => {
    if (store.refusal) throw store.refusal;
    return save.call(store, conversation);
  };
  return store;
}

async function makeKeeper() {
  const store = await makeStore();
  const tried = [];
  return { store, tried, keeper: new Keeper(store, (conversation, error) => tried.push(error?.kind ?? null)) };
}

function talk(id, ...words) {
  const conversation = newConversation({ model: "m" }, 1, id);
  let parent = null;
  for (const [index, content] of words.entries()) parent = addMessage(conversation, parent, { role: "user", content }, index + 1).id;
  return conversation;
}

const titles = async (keeper) => (await keeper.heads()).map(({ title }) => title);
const contents = ({ messages }) => Object.values(messages).map(({ content }) => content);

test("what cannot be kept is still there for whoever looks elsewhere and comes back", async () => {
  const { store, tried, keeper } = await makeKeeper();
  const conversation = talk("a", "one");
  await keeper.keep(conversation);
  assert.notEqual(await keeper.get("a"), conversation, "the store has it");
  store.refusal = new NotKept("quota", "no room");
  addMessage(conversation, null, { role: "user", content: "two" }, 5);
  await keeper.keep(conversation);
  assert.equal(await keeper.get("a"), conversation);
  assert.deepEqual(contents(conversation), ["one", "two"]);
  // One that was never stored is in the list all the same.
  await keeper.keep(talk("b", "new"));
  assert.deepEqual(await titles(keeper), ["one", "new"]);
  assert.deepEqual(keeper.failures().map(({ conversation: { id } }) => id), ["a", "b"]);
  store.refusal = null;
  await keeper.retry();
  assert.deepEqual(keeper.failures(), []);
  assert.deepEqual(tried, [null, "quota", "quota", null, null]);
  assert.deepEqual((await store.heads()).map(({ id }) => id), ["a", "b"]);
});

test("what is to be kept soon is what is opened until then", async () => {
  const { keeper } = await makeKeeper();
  const conversation = talk("a", "one");
  await keeper.keep(conversation);
  conversation.settings.effort = "high";
  keeper.soon(conversation);
  assert.equal(await keeper.get("a"), conversation);
  await pause(500);
  const stored = await keeper.get("a");
  assert.notEqual(stored, conversation);
  assert.equal(stored.settings.effort, "high");
});

test("a change that comes while another is written is not taken for kept", async () => {
  const { store, keeper } = await makeKeeper();
  const conversation = talk("a", "one");
  const written = keeper.keep(conversation);
  conversation.settings.effort = "low";
  keeper.soon(conversation);
  await written;
  assert.equal(await keeper.get("a"), conversation);
  store.refusal = new NotKept("quota", "no room");
  const refused = keeper.keep(conversation);
  store.refusal = null;
  await Promise.all([keeper.keep(conversation), refused]);
  assert.deepEqual(keeper.failures(), [], "the later write says how it ended");
});

test("another tab's messages come to those that are not kept, whose settings stay", async () => {
  const { store, keeper } = await makeKeeper();
  const conversation = talk("a", "one");
  await keeper.keep(conversation);
  const theirs = await store.get("a");
  addMessage(theirs, null, { role: "user", content: "theirs" }, 7);
  theirs.settings.effort = "low";
  await store.save(theirs);
  addMessage(conversation, null, { role: "user", content: "mine" }, 8);
  conversation.settings.effort = "high";
  keeper.soon(conversation);
  keeper.follow(conversation, await store.get("a"));
  assert.deepEqual([contents(conversation).sort(), conversation.settings.effort], [["mine", "one", "theirs"], "high"]);
  keeper.forget("a");
  // With nothing to keep, the other tab's settings are the later ones.
  keeper.follow(conversation, await store.get("a"));
  assert.equal(conversation.settings.effort, "low");
  store.refusal = new NotKept("quota", "no room");
  const late = talk("a", "late");
  await keeper.keep(late);
  assert.deepEqual(contents(await keeper.get("a")).sort(), ["late", "one", "theirs"]);
});

test("a deleted conversation that cannot be kept again is there, and is offered to be kept", async () => {
  const { store, tried, keeper } = await makeKeeper();
  const conversation = talk("a", "one");
  await keeper.keep(conversation);
  keeper.soon(conversation);
  await keeper.remove("a");
  assert.deepEqual([await keeper.get("a"), await titles(keeper)], [null, []]);
  // A late write of an answer does not bring it back.
  await keeper.keep(conversation);
  assert.deepEqual([tried.at(-1), await keeper.get("a"), keeper.failures()], ["removed", null, []]);
  store.refusal = new NotKept("quota", "no room");
  await keeper.keep(conversation, true);
  assert.equal(await keeper.get("a"), conversation);
  assert.deepEqual(await titles(keeper), ["one"]);
  const root = document.createElement("div");
  const notices = new Notices(root);
  showUnkept(notices, keeper, conversation);
  const [words, again] = root.childNodes[0].childNodes;
  assert.deepEqual([words.textContent, again.textContent], ["no room", "Try again"]);
  showUnkept(notices, keeper, talk("b", "other"));
  assert.equal(root.childNodes[0].childNodes[0].textContent, "“one”: no room");
  store.refusal = null;
  await root.childNodes[0].childNodes[1].listeners.get("click")();
  showUnkept(notices, keeper, conversation);
  assert.equal(root.childNodes.length, 0);
  assert.notEqual(await keeper.get("a"), conversation);
  // Too long once is too long again.
  store.refusal = new NotKept("too-large", "too long");
  await keeper.keep(conversation);
  showUnkept(notices, keeper, conversation);
  assert.equal(root.childNodes[0].childNodes[1].className, "notice-close");
  // What another tab deleted is not held on to.
  store.refusal = new NotKept("deleted", "deleted");
  await keeper.keep(conversation);
  assert.deepEqual(keeper.failures(), []);
});

test("what is one too many is not told as deleted, and kept again by whoever goes on in it", async () => {
  globalThis.indexedDB = new FakeIndexedDB();
  const [here, there] = [await openStore(), await openStore()];
  try {
    const changes = [];
    here.onChange((change) => changes.push(change));
    const heard = new Promise((resolve) => there.onChange(({ kind, id }) => kind === "dropped" && resolve(id)));
    const all = Array.from({ length: MAX_CONVERSATIONS + 1 }, (_, index) => {
      const conversation = newConversation({ model: "m" }, index, `c${index}`);
      addMessage(conversation, null, { role: "user", content: `${index}` }, index);
      return conversation;
    });
    for (const conversation of all.slice(0, -1)) await here.save(conversation);
    const oldest = await there.get("c0");
    assert.deepEqual(changes, []);
    await here.save(all.at(-1));
    assert.deepEqual(changes, [{ kind: "dropped", id: "c0" }]);
    assert.equal(await heard, "c0");
    assert.equal(await there.get("c0"), null);
    addMessage(oldest, null, { role: "user", content: "on" }, 1000);
    await there.save(oldest);
    assert.deepEqual(contents(await here.get("c0")), ["0", "on"]);
    assert.equal(await here.get("c1"), null, "it is the oldest now");
    // What was deleted is told as such.
    await there.remove("c2");
    await assert.rejects(here.save(all[2]), (error) => error.kind === "deleted");
    assert.equal((await here.heads()).length, MAX_CONVERSATIONS - 1);
  } finally {
    here.channel.close();
    there.channel.close();
    delete globalThis.indexedDB;
  }
});
