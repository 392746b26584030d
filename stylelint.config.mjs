export default {
  extends: ['stylelint-config-standard'],
  rules: {
    // BEM as JupyterLab writes it: `wbs-Row-copy`, `wbs-mod-current`.
    'selector-class-pattern': '^(wbs|jp|lm)-[A-Za-z0-9]+(-[A-Za-z0-9]+)*$',
    // Colours come from the theme.
    'color-named': 'never',
    'color-no-hex': true,
    'function-disallowed-list': ['rgb', 'rgba', 'hsl', 'hsla'],
    'no-descending-specificity': null,
    'property-no-vendor-prefix': [true, { ignoreProperties: ['box-orient'] }],
    'value-no-vendor-prefix': [true, { ignoreValues: ['box'] }]
  }
};
