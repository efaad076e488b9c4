import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Markup, markup } from '../../../agent/report/markup.ts';
import { visible } from '../../../agent/terminal/visible-text.ts';

test('what is put into a template is text, in content and in quoted attributes', () => {
  const hostile = `"><script>alert('1')</script>&amp;`;
  expect(markup`<p title="${hostile}">${hostile}</p>`.text).toBe(
    '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;">' +
      '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;</p>',
  );
});

test('what came out of a template is put in as it is, once or as a list, and nothing for undefined', () => {
  const items = ['a&b', 'c'].map((each) => markup`<li>${each}</li>`);
  expect(markup`<ol>${items}</ol>${undefined}${7}${new Markup('<hr>')}`.text).toBe(
    '<ol><li>a&amp;b</li><li>c</li></ol>7<hr>',
  );
});

test('a reader of HTML gets the text back, whatever it is, with what nobody sees spelled out', () => {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const written = markup`${text}`.text;
      expect(written).not.toMatch(/[<>"']/);
      expect(written.replace(/&([^;]+);/g, (_, name: string) => entities[name]!)).toBe(visible(text));
    }),
  );
});
