import fc from 'fast-check';
import type { Attributes, Declaration, Definition } from '../../agent/flow-logs/flow-log-entry.ts';

export const ATTRIBUTES: Attributes = { name: 'web', description: '', tags: {}, enabled: true };

export function declaration(
  id: string,
  attributes: Partial<Attributes> = {},
  definition: Definition = { interfaces: [id] },
): Declaration {
  return { id, attributes: { ...ATTRIBUTES, ...attributes }, definition };
}

const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });

export const arbitraryAttributes: fc.Arbitrary<Attributes> = fc.record({
  name: fc.constantFrom('web', 'vpn', 'x'.repeat(60)),
  description: text(20),
  tags: fc.dictionary(fc.constantFrom('env', 'team', '7', '__proto__', 'constructor'), text(5), { maxKeys: 4 }),
  enabled: fc.boolean(),
});

export const arbitraryDeclaration: fc.Arbitrary<Declaration> = fc.record({
  id: fc.constantFrom('fl-a', 'fl-b', 'fl-c', 'fl-d'),
  attributes: arbitraryAttributes,
  definition: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Definition>({ interfaces: ['eth0'] }) },
    fc.record({ interfaces: fc.constant(['eth0']), windowSeconds: fc.constantFrom(60, 300) }),
  ),
});
