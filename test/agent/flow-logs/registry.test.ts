import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attributes, attributesProblem, type FlowLogEntry } from '../../../agent/flow-logs/flow-log-entry.ts';
import { newFlowLogId } from '../../../agent/flow-logs/flow-log-id.ts';
import { create, type Entries, modify, type Outcome, reconcile, remove } from '../../../agent/flow-logs/registry.ts';
import { EMBEDDED_STORAGE } from '../../../agent/model/storage.ts';
import { ATTRIBUTES, arbitraryAttributes, arbitraryDeclaration, declaration } from '../../support/flow-log-entries.ts';

const NOW = 1_700_000_000;
const suggestId = () => 'fl-fresh000';

function entriesOf(outcome: Outcome): Entries {
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  return outcome.entries;
}
const messageOf = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.message : undefined);
const read = (before: Entries, ...declared: ReturnType<typeof declaration>[]) =>
  reconcile(before, declared, { nowSeconds: NOW, suggestId, storages: { embedded: EMBEDDED_STORAGE } });
const attributesOf = (entries: Entries, id: string) => entries.find((entry) => entry.id === id)?.attributes;

describe('a flow log of a command', () => {
  const entries = entriesOf(create([], declaration('fl-1', { tags: { env: 'test', team: 'shop' } }), NOW));

  test('has what it was created with, and when', () => {
    expect(entries).toEqual([
      {
        id: 'fl-1',
        attributes: { ...ATTRIBUTES, tags: { env: 'test', team: 'shop' } },
        definition: { interfaces: ['fl-1'] },
        createdSeconds: NOW,
        origin: 'command',
        declared: undefined,
      },
    ]);
  });

  test('changes its attributes and nothing else', () => {
    const changed = entriesOf(modify(entries, 'fl-1', { name: 'new', enabled: false, tags: { env: null, a: 'b' } }));
    expect(changed).toEqual([
      { ...entries[0], attributes: { name: 'new', description: '', enabled: false, tags: { team: 'shop', a: 'b' } } },
    ]);
  });

  test('is there once, and gone when it was deleted', () => {
    expect(messageOf(create(entries, declaration('fl-1'), NOW))).toMatch(/fl-1 \(web\) already/);
    expect(entriesOf(remove(entries, 'fl-1'))).toEqual([]);
    expect(messageOf(remove([], 'fl-1'))).toMatch(/No such flow log: fl-1/);
    expect(messageOf(modify([], 'fl-1', {}))).toMatch(/No such flow log: fl-1/);
  });

  test('is one of 64 at the most', () => {
    let many: Entries = [];
    for (let at = 0; at < 64; at++) many = entriesOf(create(many, declaration(`fl-${at}`), NOW));
    expect(messageOf(create(many, declaration('fl-64'), NOW))).toMatch(/64 flow logs/);
  });

  test.each<[string, Partial<Attributes>, RegExp]>([
    ['an empty name', { name: '' }, /1 to 60/],
    ['a long name', { name: 'x'.repeat(61) }, /1 to 60/],
    ['a name of two lines', { name: 'a\nb' }, /line feed/],
    ['a long description', { description: 'x'.repeat(513) }, /512/],
    [
      'too many tags',
      { tags: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, ''])) },
      /at most 50/,
    ],
    ['a tag without a key', { tags: { '': 'x' } }, /tag key: expected 1 to 127/],
    ['a long key', { tags: { ['k'.repeat(128)]: '' } }, /tag key: expected 1 to 127/],
    ['a long value', { tags: { k: 'v'.repeat(256) } }, /at most 255/],
  ])('cannot have %s', (_, attributes, problem) => {
    expect(attributesProblem({ ...ATTRIBUTES, ...attributes })).toMatch(problem);
    expect(messageOf(create([], declaration('fl-1', attributes), NOW))).toMatch(problem);
    expect(messageOf(modify(entries, 'fl-1', attributes))).toMatch(problem);
  });

  test('has limits in characters, not in code units', () => {
    expect(attributesProblem({ ...ATTRIBUTES, name: '🌍'.repeat(60), description: '🌍'.repeat(512) })).toBeUndefined();
  });
});

describe('a flow log of the file', () => {
  const { entries } = read([], declaration('fl-1', { tags: { env: 'test' } }));

  test('comes and goes with its declaration', () => {
    expect(entries).toMatchObject([{ id: 'fl-1', origin: 'file', createdSeconds: NOW }]);
    const gone = read(entries);
    expect(gone.entries).toEqual([]);
    expect(gone.removed.map(({ id }) => id)).toEqual(['fl-1']);
  });

  test('is not deleted by a command', () => {
    expect(messageOf(remove(entries, 'fl-1'))).toMatch(/declared in the configuration file.*Remove it there/);
  });

  test('takes over what may change', () => {
    const declared = declaration('fl-1', { name: 'new', description: 'text', tags: { a: 'b' }, enabled: false });
    const again = read(entries, declared);
    expect(attributesOf(again.entries, 'fl-1')).toEqual(declared.attributes);
    expect(again.changed.map(({ id }) => id)).toEqual(['fl-1']);
    expect(read(again.entries, declared)).toMatchObject({ created: [], removed: [], changed: [], refusals: [] });
  });

  test('keeps what a command changed until the file says something else', () => {
    const changed = entriesOf(modify(entries, 'fl-1', { name: 'by hand', enabled: false, tags: { mine: '1' } }));
    const unchanged = read(changed, declaration('fl-1', { tags: { env: 'test' } }));
    expect(attributesOf(unchanged.entries, 'fl-1')).toMatchObject({ name: 'by hand', enabled: false });
    expect(unchanged.changed).toEqual([]);
    const renamed = read(unchanged.entries, declaration('fl-1', { name: 'by file', tags: { env: 'live' } }));
    expect(attributesOf(renamed.entries, 'fl-1')).toEqual({
      name: 'by file',
      description: '',
      enabled: false,
      tags: { mine: '1', env: 'live' },
    });
  });

  test('goes on as it is when the file wants what cannot change', () => {
    const definition = { interfaces: ['fl-1'], windowSeconds: 60 };
    const again = read(entries, declaration('fl-1', { name: 'new' }, definition), declaration('fl-2'));
    expect(again.entries.find(({ id }) => id === 'fl-1')).toEqual(entries[0]);
    expect(again.created.map(({ id }) => id)).toEqual(['fl-2']);
    expect(again.refusals).toEqual([
      {
        flowLogId: 'fl-1',
        code: 'flow-log.refused',
        message:
          'fl-1 (web): windowSeconds (default -> 60) is immutable. Restore the configuration, or delete the flow log and create a ' +
          'new one: give this one an id of its own in the file (id: fl-fresh000).',
      },
    ]);
  });

  test('may be one that a command created', () => {
    const created = entriesOf(create([], declaration('fl-1', { name: 'by hand' }), NOW - 100));
    const { entries: adopted } = read(created, declaration('fl-1', { name: 'by file' }));
    expect(adopted).toMatchObject([{ origin: 'file', createdSeconds: NOW - 100, attributes: { name: 'by file' } }]);
  });
});

test('any sequence of operations does what a simple model says', () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('create' as const), declared: arbitraryDeclaration }),
    fc.record({
      kind: fc.constant('modify' as const),
      declared: arbitraryDeclaration,
      change: arbitraryAttributes,
    }),
    fc.record({ kind: fc.constant('remove' as const), declared: arbitraryDeclaration }),
    fc.record({
      kind: fc.constant('reload' as const),
      declarations: fc.uniqueArray(arbitraryDeclaration, { selector: ({ id }) => id }),
    }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      let entries: Entries = [];
      const created = new Map<string, FlowLogEntry>();
      for (const [step, each] of operations.entries()) {
        const before = entries;
        const find = (id: string) => before.find((entry) => entry.id === id);
        if (each.kind === 'reload') {
          const after = reconcile(before, each.declarations, {
            nowSeconds: step,
            suggestId,
            storages: { embedded: EMBEDDED_STORAGE },
          });
          entries = after.entries;
          const ids = new Set(each.declarations.map(({ id }) => id));
          const expected = before.filter(({ id, origin }) => origin === 'command' || ids.has(id)).map(({ id }) => id);
          const isNew = [...ids].filter((id) => find(id) === undefined);
          expect(entries.map(({ id }) => id)).toEqual([...expected, ...isNew]);
          // Declared again, nothing changes any more.
          expect(
            reconcile(entries, each.declarations, {
              nowSeconds: step,
              suggestId,
              storages: { embedded: EMBEDDED_STORAGE },
            }).entries,
          ).toEqual(entries);
        } else {
          const { id } = each.declared;
          const known = find(id);
          const outcome =
            each.kind === 'create'
              ? create(before, each.declared, step)
              : each.kind === 'remove'
                ? remove(before, id)
                : modify(before, id, each.change);
          const isPossible =
            each.kind === 'create'
              ? known === undefined
              : known !== undefined && !(each.kind === 'remove' && known.origin === 'file');
          expect(outcome.kind).toBe(isPossible ? 'changed' : 'refused');
          if (outcome.kind === 'refused') continue;
          entries = outcome.entries;
          if (each.kind === 'remove') expect(entries).toEqual(before.filter((entry) => entry.id !== id));
          if (each.kind === 'modify') {
            const tags = { ...known!.attributes.tags, ...each.change.tags };
            expect(outcome.entry.attributes).toEqual({ ...each.change, tags });
          }
        }
        // As long as it exists, nothing but its attributes changes.
        for (const entry of entries) {
          const first = find(entry.id) === undefined ? entry : created.get(entry.id)!;
          created.set(entry.id, first);
          expect([entry.definition, entry.createdSeconds]).toEqual([first.definition, first.createdSeconds]);
        }
      }
    }),
  );
});

test('an id has eight characters of base 36', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (numbers) => {
      expect(newFlowLogId(() => numbers.next().value!)).toMatch(/^fl-[0-9a-z]{8}$/);
    }),
  );
});
