import { describe, expect, test } from 'vitest';
import { clsStorage } from '../../../agent/export/cls/kind.ts';
import { describeStorage, isSameStorage } from '../../../agent/flow-logs/storage.ts';
import { EMBEDDED_STORAGE } from '../../../agent/model/storage.ts';

const PUBLIC = 'https://ap-guangzhou.cls.tencentcs.com';
const at = (endpoint: string, topicId = 'topic') => clsStorage(new URL(endpoint), topicId);

describe('the storage of a flow log', () => {
  test.each([
    ['the private name of the region', PUBLIC, 'http://ap-guangzhou.cls.tencentyun.com'],
    ['the other scheme', 'http://logs.example.net', 'https://logs.example.net'],
    ['a port that is the default anyway', 'https://logs.example.net', 'https://logs.example.net:443'],
    ['other capitals', PUBLIC, 'https://AP-Guangzhou.cls.tencentcs.com'],
    ['a path', 'https://logs.example.net', 'https://logs.example.net/proxy'],
  ])('is the same through %s', (_, one, other) => {
    expect(isSameStorage(at(one), at(other))).toBe(true);
    expect(isSameStorage(at(one), JSON.parse(JSON.stringify(at(other))))).toBe(true);
  });

  test.each([
    ['topic', at(PUBLIC), at(PUBLIC, 'other')],
    ['region', at(PUBLIC), at('https://ap-shanghai.cls.tencentcs.com')],
    ['host', at('https://logs.example.net'), at('https://logs.example.org')],
    ['port', at('http://127.0.0.1:9514'), at('http://127.0.0.1:9515')],
    ['service', EMBEDDED_STORAGE, at('http://127.0.0.1:9514', 'flowlog')],
    ['host that only looks like CLS', at(PUBLIC), at('https://ap-guangzhou.cls.tencentcs.com.example.net')],
  ])('is another one at another %s', (_, one, other) => {
    expect(isSameStorage(one, other)).toBe(false);
  });

  test('has a name for sentences', () => {
    expect(describeStorage(at(PUBLIC))).toBe('topic topic of CLS in ap-guangzhou');
    expect(describeStorage(at('http://127.0.0.1:9514'))).toBe('topic topic of 127.0.0.1:9514');
    expect(describeStorage(EMBEDDED_STORAGE)).toBe('embedded log service');
  });
});
