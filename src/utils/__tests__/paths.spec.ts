import { crumbsOf, isWithin, nameOf, nameProblem, parentOf } from '../paths';

describe('display paths', () => {
  it('gives the folders from the top down, one with an empty name among them', () => {
    expect(crumbsOf('/data//x/')).toEqual([
      { name: 'data', path: '/data/' },
      { name: '', path: '/data//' },
      { name: 'x', path: '/data//x/' }
    ]);
    expect(crumbsOf('/')).toEqual([]);
  });

  it.each([
    ['/data/shared/', '/data/'],
    ['/data/', '/'],
    ['/', '/'],
    ['/data/a.csv', '/data/'],
    ['/data//', '/data/'],
    ['/data//x', '/data//']
  ])('says that %j lies in %j', (path, parent) => {
    expect(parentOf(path)).toBe(parent);
  });

  it('names the last segment', () => {
    expect(['/data/shared/', '/a/b c.csv', '/a//'].map(nameOf)).toEqual(['shared', 'b c.csv', '']);
  });

  it('does not take a neighbour for something inside', () => {
    expect(isWithin('/data/shared/x', '/data/shared/')).toBe(true);
    expect(isWithin('/data/shared-too/', '/data/shared/')).toBe(false);
  });

  it.each([
    ['', 'empty'],
    ['.', 'dots'],
    ['..', 'dots'],
    ['a/b', 'slash'],
    ['a\u0000', 'nul'],
    ['\u00e9'.repeat(600), 'long'],
    ['taken', 'exists'],
    ['...', null],
    ['%2e%2e', null],
    [' ', null]
  ])('says of the new name %j: %s', (name, problem) => {
    expect(nameProblem(name, '/data/', new Set(['taken']))).toBe(problem);
  });
});
