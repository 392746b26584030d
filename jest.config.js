/** Logic and components in jsdom; what only a browser can prove is under tests/ui. */
module.exports = {
  testEnvironment: 'jsdom',
  roots: ['<rootDir>/src'],
  // A safety net only: a busy machine takes its time.
  testTimeout: 60_000,
  testMatch: ['**/__tests__/**/*.spec.{ts,tsx}'],
  modulePathIgnorePatterns: ['<rootDir>/wherobots_storage/labextension', '<rootDir>/lib'],
  transform: {
    '\\.tsx?$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.jest.json', diagnostics: false }]
  },
  moduleNameMapper: {
    '\\.svg$': '<rootDir>/src/__tests__/support/svg.ts',
    // Its transform alone takes 20 s, and nothing here is about icons.
    '^@jupyterlab/ui-components$': '<rootDir>/src/__tests__/support/ui-components.tsx',
    '^@jupyterlab/apputils$': '<rootDir>/src/__tests__/support/apputils.tsx',
    '^@jupyterlab/services$': '<rootDir>/src/__tests__/support/services.ts',
    '^@jupyterlab/statusbar$': '<rootDir>/src/__tests__/support/statusbar.ts',
    '^@jupyterlab/coreutils$': '<rootDir>/src/__tests__/support/coreutils.ts',
    '^@jupyterlab/translation$': '<rootDir>/src/__tests__/support/translation.ts'
  },
  collectCoverageFrom: [
    'src/**/*.{ts,tsx}',
    '!src/**/*.d.ts',
    '!src/**/__tests__/**',
    '!src/plugins/**',
    '!src/index.ts'
  ],
  coverageDirectory: 'coverage',
  // A warning that React prints is a defect.
  setupFilesAfterEnv: ['<rootDir>/src/__tests__/support/setup.ts']
};
