import { describe, expect, test } from 'vitest';
import { chosenFields, FIELDS_OPTION } from '../../../agent/cli/chosen-fields.ts';
import { createInvocation } from '../../../agent/cli/invocation.ts';
import { ROW_FORMATS } from '../../../agent/record/row-formats.ts';
import { collecting } from '../../support/in-process.ts';

const command = {
  name: 'debug',
  summary: '',
  usage: '',
  options: [FIELDS_OPTION],
  examples: [],
  run: async () => 0,
};

function chosen(...words: readonly string[]): ReturnType<typeof chosenFields> {
  return chosenFields(createInvocation(command, words, collecting()), 'debug');
}

describe('--fields', () => {
  test('is, when absent, the row of an interface, as the format has it', () => {
    expect(chosen()).toEqual({ resourceType: 'NETWORKINTERFACE', fields: [], constants: {} });
  });

  test.each([
    'srcaddr dstaddr bytes',
    'srcaddr,dstaddr,bytes',
    ' srcaddr,\tdstaddr ,, bytes\n',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as AWS writes fields
    '${srcaddr} ${dstaddr} ${bytes}',
  ])('is a list in its own order: %j', (text) => {
    expect(chosen('--fields', text)).toEqual({
      resourceType: 'NETWORKINTERFACE',
      fields: ['srcaddr', 'dstaddr', 'bytes'],
    });
  });

  test.each([
    ['eni', 'NETWORKINTERFACE', ROW_FORMATS.eni],
    ['nat', 'NAT', ROW_FORMATS.nat],
    ['ccn', 'CCN', ROW_FORMATS.ccn],
    ['tcp-flags nat', 'NAT', ['tcp-flags', ...ROW_FORMATS.nat]],
    ['ccn direction', 'CCN', [...ROW_FORMATS.ccn, 'direction']],
    ['tcp-flags tcp_flags', 'NETWORKINTERFACE', ['tcp-flags', 'tcp_flags']],
  ])('%s is a record of type %s', (text, resourceType, fields) => {
    expect(chosen('--fields', text)).toEqual({ resourceType, fields });
  });

  test.each([
    ['', 'expected at least one field'],
    [' , ', 'expected at least one field'],
    ['srcadr', "unknown field 'srcadr'; did you mean srcaddr?"],
    ['eni2', "unknown field 'eni2'"],
    ['constructor', "unknown field 'constructor'"],
    ['bytes packets bytes', "duplicate field 'bytes'"],
    ['eni srcaddr', "duplicate field 'srcaddr'"],
    ['eni nat', "duplicate field 'version'"],
  ])('%j is refused', (text, problem) => {
    expect(() => chosen('--fields', text)).toThrow(`debug: --fields: ${problem} (see flowlogd debug --help)`);
  });
});
