/** The page that a proxy before a provider answers with where it reaches nothing. */
export function webPage(status: number, phrase: string): string {
  return `<html>\r\n<head><title>${status} ${phrase}</title></head>\r\n<body>\r\n<center><h1>${status} ${phrase}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`;
}
