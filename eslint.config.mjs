import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import boundaries from 'eslint-plugin-boundaries';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '.venv*/**',
      'build/**',
      'coverage/**',
      'dist/**',
      'lib/**',
      'node_modules/**',
      'playwright-report/**',
      'src/api/generated.ts',
      'test-results/**',
      'wherobots_storage/**'
    ]
  },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'tests/ui/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // JupyterLab's convention: interfaces begin with I, options live in a same-named namespace.
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], prefix: ['I'] },
        {
          selector: 'memberLike',
          modifiers: ['private'],
          format: ['camelCase'],
          leadingUnderscore: 'require'
        }
      ],
      '@typescript-eslint/no-namespace': 'off',
      // An index is checked by the line before more often than not; the types say undefined anyway.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error'] }]
    }
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: reactHooks.configs.recommended.rules
  },
  {
    // index -> plugins -> widgets -> model -> api, and utils and tokens beside them.
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/**/__tests__/**'],
    plugins: { boundaries },
    settings: {
      'import/resolver': { typescript: { project: './tsconfig.json' } },
      'boundaries/elements': [
        { type: 'index', pattern: 'src/index.ts', mode: 'full' },
        { type: 'tokens', pattern: 'src/tokens.ts', mode: 'full' },
        { type: 'plugins', pattern: 'src/plugins' },
        { type: 'widgets', pattern: 'src/widgets' },
        { type: 'model', pattern: 'src/model' },
        { type: 'api', pattern: 'src/api' },
        { type: 'utils', pattern: 'src/utils' }
      ]
    },
    rules: {
      'boundaries/no-unknown-files': 'off',
      'boundaries/element-types': [
        'error',
        {
          default: 'disallow',
          rules: [
            { from: 'index', allow: ['plugins'] },
            { from: 'plugins', allow: ['plugins', 'widgets', 'model', 'api', 'utils', 'tokens'] },
            { from: 'tokens', allow: ['widgets', 'model', 'api'] },
            { from: 'widgets', allow: ['widgets', 'model', 'api', 'utils'] },
            { from: 'model', allow: ['model', 'api', 'utils'] },
            { from: 'api', allow: ['api'] },
            { from: 'utils', allow: ['utils'] }
          ]
        }
      ]
    }
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/api/client.ts', 'src/**/__tests__/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: '@jupyterlab/services',
              importNames: ['ServerConnection'],
              message: 'Only api/client talks to the server.'
            }
          ],
          patterns: [
            { regex: '(^|/)(index|\\.{1,2})$', message: 'No import through a barrel.' }
          ]
        }
      ],
      'no-restricted-globals': ['error', 'fetch']
    }
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: { console: 'readonly', module: 'writable', process: 'readonly', URL: 'readonly' }
    },
    rules: { 'no-unused-vars': ['error', { varsIgnorePattern: '^_' }] }
  },
  prettier
);
