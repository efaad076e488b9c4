import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';

const PROTO = new URL('../../../proto/flowlog.proto', import.meta.url).pathname;
/** `Message number type name`, `Enum number name`: what batches on disks and at readers say. */
const LIST = new URL('./numbers.txt', import.meta.url).pathname;

function linesOf(scope: protobuf.NamespaceBase): string[] {
  return scope.nestedArray.flatMap((nested) => {
    if (nested instanceof protobuf.Enum) {
      return Object.entries(nested.values).map(([name, number]) => `${nested.fullName} ${number} ${name}`);
    }
    if (nested instanceof protobuf.Type) return [...nested.fieldsArray.map(lineOf), ...linesOf(nested)];
    return nested instanceof protobuf.Namespace ? linesOf(nested) : [];
  });
}

function lineOf(field: protobuf.Field): string {
  const label = field instanceof protobuf.MapField ? `map<${field.keyType},${field.type}>` : field.type;
  return `${field.parent!.fullName} ${field.id} ${field.repeated ? 'repeated ' : ''}${label} ${field.name}`;
}

const root = new protobuf.Root().loadSync(PROTO, { keepCase: true });
const now = linesOf(root).sort();
const listed = readFileSync(LIST, 'utf8').trim().split('\n');
const numberOf = (line: string) => line.split(' ', 2).join(' ');

function isReserved(line: string): boolean {
  const [scope = '', number, ...words] = line.split(' ');
  const found = root.lookup(scope);
  if (!(found instanceof protobuf.Type || found instanceof protobuf.Enum)) return false;
  return found.isReservedId(Number(number)) && found.isReservedName(words.at(-1)!);
}

test.each(listed)('%s: means the same for ever, or is reserved', (line) => {
  const same = now.filter((other) => numberOf(other) === numberOf(line));
  if (same.length > 0) expect(same).toEqual([line]);
  else expect(isReserved(line)).toBe(true);
});

test('every number is listed: add new lines to numbers.txt, change none', () => {
  expect(now.filter((line) => !listed.includes(line))).toEqual([]);
});
