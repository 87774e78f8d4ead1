/** The bundler makes main.css of it. */
declare module "*.css";
