import { namePieces, numberedName, splitExtension, visibleName } from '../names';

describe('names out of the bucket', () => {
  it.each([
    ['plain.csv', 'plain.csv'],
    ['<b>bold</b>.txt', '<b>bold</b>.txt'],
    ['bell\u0007.txt', 'bell\u2407.txt'],
    ['two\nlines', 'two\u240alines'],
    ['gone\u007f', 'gone\u2421'],
    ['next\u0085line', 'next\u2039U+0085\u203aline'],
    ['report\u202efdp.exe', 'report\u2039U+202E\u203afdp.exe'],
    ['zero\u200bwidth', 'zero\u2039U+200B\u203awidth'],
    [' edge ', '\u2423edge\u2423'],
    ['in the middle', 'in the middle'],
    ['\u{1f30d} \u4e2d\u6587', '\u{1f30d} \u4e2d\u6587']
  ])('shows %j as %j', (name, shown) => {
    expect(visibleName(name)).toBe(shown);
  });

  it('marks what it shows as something else, and nothing else', () => {
    expect(namePieces('a\u0001b')).toEqual([
      { text: 'a', marked: false },
      { text: '\u2401', marked: true },
      { text: 'b', marked: false }
    ]);
  });

  it.each([
    ['report.csv', 'report', '.csv'],
    ['archive.tar.gz', 'archive', '.tar.gz'],
    ['.profile', '.profile', ''],
    ['noextension', 'noextension', ''],
    ['v1.2.csv', 'v1.2', '.csv']
  ])('splits %j in %j and %j', (name, stem, extension) => {
    expect(splitExtension(name)).toEqual([stem, extension]);
  });

  it('numbers copies before the extension', () => {
    expect([0, 1, 2].map(number => numberedName('a.tar.gz', number))).toEqual([
      'a.tar.gz',
      'a (1).tar.gz',
      'a (2).tar.gz'
    ]);
  });
});
