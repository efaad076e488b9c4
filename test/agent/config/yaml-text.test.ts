import { describe, expect, test } from 'vitest';
import { LineCounter } from 'yaml';
import { parseYaml, TooManyAliases, type YamlNode } from '../../../agent/config/yaml-text.ts';

const parse = (text: string) => parseYaml(text, new LineCounter());
const messages = (text: string) => parse(text).faults.map(({ message }) => message);

describe('a YAML text', () => {
  test.each([
    ['lists in a line', '['.repeat(100_000)],
    ['lists that end', '['.repeat(20_000) + ']'.repeat(20_000)],
    ['maps in a line', '{a: '.repeat(20_000)],
    ['dashes in a line', '- '.repeat(20_000)],
    ['question marks', '? '.repeat(20_000)],
    ['indentation', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('that is nested deeply by %s is refused before it is composed', (_, text) => {
    expect(messages(text)).toEqual(['nested too deeply']);
  });

  test('that is wrong in many places is refused for the first of them', () => {
    expect(messages('- !<x> '.repeat(20_000))).toHaveLength(20);
  });

  test('is refused where it holds several documents', () => {
    expect(messages('a: 1\n---\nb: 2\n---\nc: 3\n')).toEqual(['several documents, expected one']);
  });

  test('has the places of its nodes', () => {
    const lines = new LineCounter();
    const { contents } = parseYaml('a: 1\n\nb: 2\n', lines);
    const [, second] = (contents as unknown as { items: { key: YamlNode }[] }).items;
    expect(lines.linePos(second!.key!.range[0])).toEqual({ line: 3, col: 1 });
  });
});

describe('an alias', () => {
  const items = (node: YamlNode) => (node as unknown as { items: YamlNode[] }).items;

  test('stands for the last node before it that has its anchor', () => {
    const { contents, resolve } = parse('[&a 1, *a, &a 2, *a, *a]');
    expect(items(contents).map((node) => (resolve(node) as unknown as { value: number }).value)).toEqual([
      1, 1, 2, 2, 2,
    ]);
  });

  test('of what it lies in stands for that', () => {
    const { contents, resolve } = parse('&a [*a]');
    expect(resolve(items(contents)[0])).toBe(contents);
  });

  test('of nothing is a fault', () => {
    expect(messages('[*a, &a 1]')).toEqual(['nothing before it has the anchor &a']);
  });

  test('repeats at most 128 KiB of the text', () => {
    const { contents, resolve } = parse(`[&a '${'x'.repeat(1000)}', *a]`);
    const [, alias] = items(contents);
    let resolved = 0;
    const again = () => {
      for (; resolved < 10_000; resolved++) resolve(alias);
    };
    expect(again).toThrow(TooManyAliases);
    expect(resolved).toBe(130);
  });
});
