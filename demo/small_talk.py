"""Questions and small talk put together at random, each meant for one answer of chat.py."""

import re

from phrasing import FILLERS, PARENTHETICAL, capital, fillers, new
from words import CURRENCIES, MONTHS, NAMES

_BEFORE = """ok, |hey, |hi, |so, |well, |please, |hello, |just curious, |oh, |hmm, |um, |sorry, |quick question: |question: |one thing: |first: |
wait, |listen, |right, |now, |and |but |excuse me, |for my notes: |I wonder, |honestly, |before we begin: |by the way, |my friend asks: |
be honest, |tell me, |I forgot, |for the record: |not sure, |""".replace("\n", "").split("|")
_AFTER = "|||||| please| exactly| again| really| then| now|, please|, my friend| here|, if I may ask|, by the way|, I wonder| today|, just curious".split("|")
_ASK = """tell me|explain|say|describe|let me know|show me|I want to know|I'd like to know|can you tell me|could you tell me|can you say|
please tell me|please say|I wonder|do tell me|I need to know|could you explain|can you explain|I have no idea|I'm curious|inform me|
will you tell me|would you say|may I ask|could I ask|give me a hint|we want to know|my boss wants to know|nobody told me|
I was wondering|clarify|remind me|let me hear""".replace("\n", "").split("|")
_ABOUT_INDIRECT = """what you are|who you are|what you can do|what you do|what this is|what model this is|which model you are|what you know|
who made you|who built this|who trained you|where you were made|how big you are|how many parameters you have|how you work|
what your name is|what you are called|what I can ask you|what I can ask|what you are good at|what you are able to do|what Freeway is|
what your job is|if you are an AI|if you are a bot|if you are a human|whether you are a person|whether you are real|whether you are gpt-oss-20b|
if you are ChatGPT|if this is the real gpt-oss|if you are the full model|whether this is a demo|which abilities you have|what your skills are|
what tasks you can do|how you can help|what kind of model you are|what sort of assistant you are|how clever you are|how old you are|
what your limits are|which version this is|what I am talking to|who I am talking to|what runs here|what is answering me|what kind of program you are|
what you were made for|how you were trained|what you understand|what kind of help you offer|which questions suit you|what we can do together""".replace(
    "\n", ""
).split("|")
_ABOUT_DIRECT = """what are you called|what should I call you|who's there|who is this|what runs here|who am I speaking with|what am I using|
what's this thing|are you a machine|are you a program|are you a person|are you real|are you alive|are you a bot|are you an assistant|
are you Claude|are you Gemini|are you GPT-5|are you Llama|are you Siri|are you some kind of AI|are you made by OpenAI|are you from OpenAI|
did OpenAI make you|did someone train you|were you trained|how were you trained|how old are you|how big is this model|how large are you|
how clever are you|how good are you|how capable are you|do you know anything|what are you doing here|what is your job|what's your job|
what's your role|what is your role|what's your function|what can this model do|what can the demo do|what does this model do|
what does this program do|what is possible here|what works here|what should I ask|what could I ask|what may I ask you|what can I try|
what shall I try|how do I use you|how do I use this|how does this work|how should I use this demo|do you have skills|which skills have you got|
got any skills|list your skills|list your abilities|name your abilities|state your name|your name|your name please|say your name|
identify yourself|tell us about you|about you|you are what|and you are|can you do anything|can you do anything useful|what use are you|
do you have any talents|are you useful|are you the small model|are you the demo|is this the demo|is this a demo model|is this gpt-oss|
is this an AI|is this a bot|is this a person|is anyone human there|am I speaking to a machine|am I talking to a model|which AI is this|
what AI is this|which company made you|whose model are you|are you free to use|do you run on my computer|do you run offline|
what's Freeway|tell me about Freeway|are you part of Freeway|what has Freeway to do with you|do you speak for gpt-oss-20b|
how are you different from gpt-oss-20b|are you as good as gpt-oss-20b|why are you so small|why is this model so small|help me get started|
how do I start|what now|I am new here|I just installed this, what now|menu|show help|options|commands|usage|info|capabilities|features""".replace(
    "\n", ""
).split("|")
_GREETING_WORDS = """hello|hi|hey|good morning|good evening|good afternoon|greetings|howdy|hiya|hey there|hi there|hello there|morning|evening|
hello hello hello|hi hi hi|heya|hallo|ahoy|salutations|welcome|what's up|sup|yo yo|hey ho|hola|ciao|bonjour|guten Tag|hej|namaste""".replace(
    "\n", ""
).split("|")
_GREETING_WHOM = """||||there|you|model|freeway|bot|assistant|friend|dear|my friend|computer|machine|AI|little model|demo|all|folks|again there|
old friend|dear model|everybody here|chat|stranger|mate|buddy|sir|pal""".replace("\n", "").split("|")
_GREETING_MORE = """|||||, how are you|, how is it going|, how's it going|, how are you today|, what's up|, how have you been|, all well|
, everything fine|, nice to see you|, good to see you|, I'm back|, here I am|, are you there|, can you hear me|, is anyone there|, I am new|
, it's me|, my name is {N}|, this is {N}|, {N} here|, I am called {N}|, nice day|, lovely day, isn't it|, how do you feel|, how was your day|
, I hope you are well|, are you awake|, let us talk|, let's start|, happy Monday|, I just wanted to say hello""".replace("\n", "").split("|")
_THANKS = """thanks|thank you|thank you so much|many thanks|thanks a lot|thx|ty|cheers|merci|danke|gracias|big thanks|a thousand thanks|
thanks a bunch|thanks a ton|thank you kindly, friend|all my thanks|I thank you|we thank you|my thanks|tusen takk|thank you ever so much|
I'm thankful|I owe you one|you are great|you are the best|you're a star|you helped a lot|you were helpful|that was helpful|that was great|
nice work|great work|good work|excellent|brilliant, thanks|awesome, thanks|cool, thanks|fantastic, thank you|bravo""".replace("\n", "").split("|")
_THANKS_MORE = """||||| for that| for this| for the answer| for everything| for the help| for your time| for your patience| for your work|
 for the quick reply| for helping| for doing this|, model|, friend|, bot|, freeway|, my friend|, that was it|, that was quick|, that was nice|
, good job|, that is right|, this is what I needed|, exactly what I wanted|, I am happy|, you are kind|, very nice|, that is all I needed|, {N} says""".replace(
    "\n", ""
).split("|")
_GOODBYE = """bye|goodbye|good night|see you|see you later|bye bye|farewell|so long then|cheerio|adios|au revoir|tschüss|ciao ciao|later|ta ta|
I have to go|I must go|I need to go|I am off|I'm off|I'm leaving|that's it for today|that's all for now|until tomorrow then|until later|
see you around|see you on Friday|see you next time|have a nice evening|have a good night|sleep well|take care then|
signing off|over and out|I'm going home|I'm going to bed|we are done|done for today|enough for today|let's stop here|I quit|talk to you tomorrow""".replace(
    "\n", ""
).split("|")
_GOODBYE_MORE = "||||, bye|, goodbye|, see you|, model|, friend|, bot|, freeway|, my friend|, bye then|, until next time|, thanks and bye|, bye for today".split("|")
_PULL_ASK = """how do I|how can I|how could I|how do we|how can we|where can I|where do I|where could I|can I|could I|may I|I want to|I need to|
I'd like to|I would love to|we want to|let me|help me|tell me how to|explain how to|show me how to|is it possible to|is there a way to|
what do I type to|what do I need to|what should I run to|which command do I need to|what is the way to|I don't know how to|
how does one|how would I|steps to|instructions to|please|can you|could you|what must I do to|how to""".replace("\n", "").split("|")
_PULL_VERBS = """get|download|install|pull|load|fetch|use|run|try|switch to|set up|obtain|have|change to|move to|start|open|
talk to|work with|reach|activate|add|find""".replace("\n", "").split("|")
_PULL_WHAT = """gpt-oss-20b|the big model|the large model|the full model|the real model|a bigger model|a better model|a larger model|the 20b model|
gpt-oss|the 20b|the real gpt-oss|the real gpt-oss-20b|the bigger gpt-oss|the complete model|a stronger model|a smarter model|a more capable model|
openai/gpt-oss-20b|the gpt-oss-20b model|the gpt-oss-20b weights|the weights of gpt-oss-20b|the proper model|a real model|the serious model""".replace(
    "\n", ""
).split("|")

_BEYOND = """how {adj} is {det} {n}|how {adj} are {n}s|how many {n}s are in {c}|how many {n}s does {N} have|how much {w} {n} is left|
how often should I {v} {det} {n}|how long should I {v} {det} {n}|how would you {v} {n}s in {c}|how come {n}s are {k}|how do {n}s {v} {n2}s|
how do people in {c} {v} their {n}s|how does {N} {v} {n}s|how tall is the tower of {c}|how cold does {c} get in {month}|
why is {det} {n} {w}|why does {N} {v} {n}s|why do people {v} {n}s|why are {n}s in {c} so {adj}|why did {N} {v} the {n}|why isn't {c} {adj}|
why should anybody {v} a {n}|where do {n}s come from|where was {N} born|where can one {v} {n}s in {c}|where are the {adj} {n}s of {c}|
where should I put {det} {n}|where does the word {w} come from|when did {c} become {adj}|when do {n}s {v}|when should I {v} {det} {n}|
when was {c} founded|when does {month} begin|who built the {n} of {c}|who lives in {c}|who is the best {N}|who has the {adj}est {n}|
who makes {w} {n}s|who was the first to {v} a {n}|who wrote about {w} {n}s|what is {det} {adj} {n}|what makes {n}s {adj}|what do {n}s eat|
what is a {w} {n} worth in {cur}|what happened in {month} {y}|what kind of {n} is {adj}|what would {N} say about {n}s|what is inside a {n}|
what is the {adj}est {n}|what is the {adj}est {n} in {c}|what is {N} doing in {c}|what did {N} say|what happens when I {v} a {n}|
what came first, the {n} or the {n2}|what is the history of {n}s|what is the color of {n}s in {c}|what is {P} in {l}|which {n} is {adj}|
which {n}s are {k}|which city is {adj}er than {c}|which {n} should I {v}|which language is spoken in {c}|which year did {N} {v} {c}|
is {N} {adj}|is it {adj} to {v} a {n}|is there a {n} in {c}|is {c} {adj}er than {c2}|is {k} a good color for a {n}|are {n}s {adj}|are there {n}s in {c}|
does {N} like {n}s|does {c} have {n}s|does a {n} {v}|do {n}s dream|do you own a {n}|do I need a {n} in {c}|did {N} {v} {c}|can {n}s {v}|can a {n} {v} a {n2}|
can I {v} a {n} in {c}|should {N} {v} the {n}|should I go to {c} in {month}|will it rain in {c}|will {N} {v} me|would a {n} be {adj}|could {N} {v} {c}|
write {det} {adj} story about {N}|write a song about {c} in {month}|write {d} lines about {n}s|write a {w} poem for {N}|write a letter to the people of {c}|
write a program that {v}s {n}s|write a class for {n}s in Java|write html for a {n}|write a regex for {n}s|write a test for {p}|
tell me about {N} and the {n}|tell me why {n}s {v}|tell me how {n}s are made|tell me the history of {c}|tell us about life in {c}|
explain {n}s to a child|explain why {c} is {adj}|explain how to {v} a {n}|explain the word {w}|describe {c}|describe a {adj} {n}|describe {N}|
give me {d} {adj} {n}s|give me a name for my {n}|give me tips for {c}|give me the lyrics of {p}|give me a {w} joke|list {d} {n}s|list the kings of {c}|
list {adj} places in {c}|compare {c} and {c2}|compare {N} with {N2}|imagine {det} {adj} {n} in {c}|draw a {n}|sketch a {n}|make up a story about {n}s|
continue this story: {r}|shorten this: {r}|expand this: {r}|is this correct: {r}|what does this say: {r}|put this into {l}: {r}|classify this: {r}|
who said this: {r}|what follows from this: {r}|turn this into a poem: {r}|count the words: {r}|spell {p}|spell {w} backwards|what is the plural of {n}|
what is the opposite of {adj}|what is the past tense of {v}|how do you say {w} in {l}|translate {n} to {l}|is {p} {l}|teach me to {v} in {l}|
{d} times {e}|{d} times {e} equals|what do {d} times {e} make|compute {d} * {e}|calculate {d} x {e}|work out {d} times {e}|{y} divided by {d}|
compute {y} / {d}|the square of {d}|{d} to the power of {f}|the square root of {d}|is {d} a prime number|is {y} divisible by {d}|{d} percent of {y}|
{y} plus {d}|{d} plus {y}|{y2} minus {y}|add {y} and {y2}|subtract {d} from {y2}|{d} plus {e} plus {f}|{d} minus {e} minus {f}|{d} + {e} * {f}|
the factors of {y}|{d} miles in km|{d} degrees in Fahrenheit|{d} {cur} in {cur2}|how many days until {month}|how many minutes are {d} hours|
what day was {month} {d2}, {y}|the mean of {d}, {e} and {f}|sort {e}, {d}, {f}|what is pi|x + {d} = {e}, find x|solve for x: {d}x = {e}|
my {n} is {adj}, what should I do|my {n} won't {v}|my {n} is broken|I lost my {n} in {c}|I want to become a {w} {n}|I think {N} is {adj}|
I am going to {c} with {N}|I like {w} {n}s|I have a {n} and a {n2}|I dreamt of a {adj} {n}|I hate {n}s|the {n} is {adj}|{n}s are {adj}|{N} likes {c}|
{N} is a {n}|it is {adj} in {c}|{c} is {adj}|{w} {n} or {k} {n}|{n} versus {n2}|{n}s|{c}|{N}|{adj} {n}|{N} and {N2}|news from {c}|recipe with {n}s|
weather in {c} in {month}|a {n} for {N}|best {n} of {y}|flights to {c}|hotels in {c}|jobs in {c}|cheap {n}s|{adj} {n}s in {c}|the {n} of {N}|
please {v} the {n} for {N}|{v} my {n} in {c}|{v} all {n}s|could you {v} the {adj} {n}|I want you to {v} the {n} now|go and {v} {N}'s {n}|
remember my {n}|remind me of {N}|wake me up in {month}|call {N} now|order a {n} for {N}|buy {d} {n}s|play the {n}|turn the {n} on|
say {r}|why {r}|how {r}|what {r}|who {r}|if {r}|{r} and {r2}|{p}|{p} {n}|{P} {P2}|{p} in {c}|what is {p} {p2}|is {P} a {n}|who is {P} {P2}""".replace(
    "\n", ""
).split("|")
ADJECTIVES = "old big long strong fast hard soft clean cheap young rich kind safe deep high loud smart calm light thick poor".split()


# Shapes with (a|b) for one of a and b; each is filled anew, so that few of the texts come twice.
_FEELINGS = "nice|good|great|lovely|glad|happy|delighted|so nice|wonderful|a joy|cool|fun|a pleasure|an honour|splendid|really good"
_DAYS = "day|evening|morning|afternoon|week|weekend|Monday|Friday|Sunday|summer|trip|lunch|break|time"
_HELLO = "hello|hi|hey|hiya|howdy|greetings|good morning|good evening|hey there|hi there|well hello|oh hi|ahoy|welcome"
_NAMED = "my name is|this is|it is|I'm called|call me|they call me|you can call me|you may know me as|the name is|here speaks|here is|here writes"
_SHAPES = {
    "greeting": f"""({_HELLO}), how (is|was) (your|the|this|my friend's) ({_DAYS})( so far| today| then|)
({_HELLO}) (to|for) (all of you|everybody|the team|the model|my friend|the little model|you and yours|the whole world|the bot)
how (is|was) (your|the) (week|mood|evening|life|work|business|family|weekend|night|morning|summer)( so far| today| then| over there| these days|)
how (are we|are we all|have you been|are you keeping|are you feeling|are you getting on|do you feel|goes it|are you holding up)( today| now| these days| so far|)
how('s| is) (life|it|everything|all|the world|your world|it all|the mood)( treating you| going| today| there| with you| over there|)
(is|are) (everything|all|you|we) (well|fine|okay|good|alright|in order|ready)( today| there| with you|)
(what is|what's|anything) (new|up|happening|going on|good) (with you|today|there|over there|around here)
({_HELLO}), ({_FEELINGS}) to (have|meet|know|find|join|hear|chat with|talk with|talk to|hear from|get to know|be with|see) you( all| again| here| today| at last| finally|)
({_FEELINGS}) to (have|know|find|hear|chat with|talk with|talk to|hear from|get to know|be with|speak with) you( all| again| here| today| at last| finally|)
it is ({_FEELINGS}) to (see|meet|know|find|hear|chat with|talk to|hear from) you( again| here| today| at last|)
(happy|glad|delighted|so happy|very glad|thrilled) to (be here|be back|make your acquaintance|join you|finally see you|finally meet you|say hello)
({_HELLO}), ({_NAMED}) {{N}}
({_NAMED}) {{N}}(, hello|, hi|, nice to be here|, how are you|, good morning)
{{N}} (says hello|says hi|greets you|is here|sends greetings|is back|waves at you|wishes you a good day|just came in)
({_HELLO}), {{N}} (here again|from next door|is back|wants to say hello|greets you|has arrived|writes to you)
({_HELLO}), (I write to you from|I am in|we are in|I live in|I come from|a friend out of|we sit in|I am sitting in) {{c}}
(greetings|regards|best wishes|kind regards|a big hello|a warm hello|love|warm wishes|sunny greetings|a wave) (out of|of) {{c}}
(people in|all of|everyone in|we here in|the people of|your friends in) {{c}} (greet you|say hello|say hi|send greetings|wish you a good day|wave at you)
(a |)(nice|lovely|fine|wonderful|happy|beautiful|pleasant|splendid|great|merry|warm|sunny|blessed) (morning|day|evening|afternoon|Monday|Friday|Sunday|weekend)( to you| to all| everybody| my friend| there| dear model|)
(good|nice|lovely) (morning|evening|afternoon|day) (everybody|my dear|dear friend|to all|and welcome|sunshine|little one|again|from me|over there)
(I just|I only|we just|let me|allow me to|I want to|I wanted to|I would like to|may I) (say|wish you a|say a quick) (hello|good morning|hi|good evening)
(are you|is anyone|is anybody|is someone|is somebody|is the model) (there|awake|on|online|ready|listening|here|around|up|with me)( today| now| yet| still|)
(can|do|could) you (hear|read|see|understand) me( now| there| well| today|)
does (this|it|this chat|this thing|the line|the chat) (work|work at all|do anything|run)
(knock knock|mic check|one two three|sound check|check check|hello world|test test|just a test|testing the chat|is it running|long time no see|it's been a while|me again|I am back|here I am again|peekaboo|boo|good to be back|let's chat|wanna chat|are we live|am I live)""",
    "thanks": """(I am|we are|I feel|I'm|we're|I was) (so|very|really|truly|deeply|most|quite|) (thankful|happy|pleased|glad|obliged|delighted|impressed|satisfied|relieved|touched)( for that| with this| with it| about it| now| indeed|)
(we|I) (really|truly|very much|do|so|honestly|) (appreciate|value|treasure|like|love|enjoy) (your help|the help|that|what you did|your work|your answer|this answer|this|the effort|your time)
(that|this|it|your answer|your help) (was|is) (really|very|so|truly|most|just|quite|) (kind|helpful|useful|good|nice|great|perfect|lovely|welcome|clear|fine|super)( of you| indeed| for me|)
(your help|your answer|this|that|it) is (highly|very much|always|greatly|) (appreciated|valued|welcome|treasured|noted with thanks)
you (saved|made|brightened) my (day|evening|week|morning|life)
you (did|have done|do) (well|great|a great job|good work|fine work|a wonderful job|very well)
(well|nicely|neatly|beautifully|smoothly|quickly|cleverly) (done|played|said|put|solved|handled|answered)( indeed| model| my friend|)
(great|good|nice|super|excellent|fantastic|brilliant|solid|clean|fine) (job|answer|stuff|one|help|work|thinking|effort|result)( there| indeed| again|)
how (kind|nice|thoughtful|helpful|good) of you
(thanks|thank you|many thanks|cheers|thx|big thanks|my thanks|our thanks|sincere thanks|warm thanks|endless thanks) (for|to you for) (all|everything|that|your trouble|your effort|the info|the tip|the explanation|your reply|being here|being so quick|the good work|the support)
(thanks|thank you|cheers) (ever so much|to you|from me|from all of us|in advance|anyway|for now|once more|most kindly|from the heart|my dear|my friend|little model)
(that|this|it) (helps|works|did it|does it|is it|solved it|fixed it|answers it|is what I wanted|is just right|made me happy|was a great help|saved me)( a lot| so much| thanks| nicely| perfectly|)
(with|all my|a thousand|so many|lots of|loads of|tons of) (thanks|gratitude)
(kudos|respect|hats off|bless you|props to you|applause|you rock|you rule|you are a gem|you are a hero|what a help|what a relief|hooray|yay|splendid|marvellous)( thanks| for that|)
I (owe you|am in your debt|owe you a drink|could hug you|couldn't have done it alone|am much obliged|knew you could do it|like it|love it)""",
    "goodbye": f"""(see|meet|speak to|write to|hear|hear from|chat with|read|find|call) you (later|around|tomorrow|next time|on Monday|again|then|some time|another time|next year|on the weekend|in the morning|tonight|in a while|next month|one day|when I am back)
(we|let's|we will|we'll) (talk|speak|chat|meet|see each other|write|continue) (later|again|tomorrow|next time|another day|on Friday|some other time|soon|then)
until (then|we meet again|Monday|Friday|next month|the next time|tonight|the weekend|next year|later|we talk again|our next chat|I am back|the morning)
(have|enjoy) (a|your|the|yourself a) (nice|good|great|lovely|pleasant|quiet|wonderful|fine|relaxing|sunny) ({_DAYS})( my friend| model| everyone| there| and bye|)
(I am|I'm|we are|we're) (leaving|going|finished|off|out|logging off|going home|going to bed|tired and going to bed|out of here|on my way|heading home|closing the window|stepping out|done here|about to leave|off to lunch|off to bed)( now| for today| soon| then| here|)
(I|we) (have|need|want|ought) to (leave|run|sleep|catch my bus|log off|go to bed|hang up|stop here|say goodbye|go to work|cook dinner|get up early)( now| soon| then|)
(it is|it's) (time|high time|time for me|getting late, time) to (leave|sleep|say goodbye|log off|go home|stop|close this|part)
my (bus|train|lunch|shift|meeting|flight|dinner|bed|dog|boss) is (here|waiting|calling|starting|ready)(, bye|, goodbye|, see you|)
(bye|goodbye|farewell|cheerio|adieu|ciao|adios|good night|night night|ta ta|so long) (and thanks|dear model|and take care|everyone|my little friend|till Monday|for today|and good luck|from me|all|old friend|and be well)
(that's|this is|that was) (it|all|everything|enough|the end|all I wanted|all I need)(, goodbye|, bye|, see you| for now| for today|, farewell|, I am off)
(be well|stay safe|stay well|keep well|be good|all the best|good luck|sleep tight|rest well|safe travels|until we meet again|I'll be back|I will be back|peace|over and out|signing off|logging out|gotta go|got to run|must dash|I'm out|off I go|and off I go|nighty night|talk soon|bye for today)( then| friend| model| now| my dear| all| and thanks|)
{{N}} (is off|has to go|says goodbye|says bye|is leaving now|logs off|waves goodbye|must leave|goes home)""",
    "about": """am I (speaking|chatting|writing|connected|talking right now) (to|with) (gpt-oss-20b|a person|a robot|an AI|GPT-4|ChatGPT|Claude|Gemini|Siri|Alexa|OpenAI|a bot|a program|the demo|the small model|the big model|a real person|Freeway|someone real|a computer)
(is this|is that|is it|this is) (GPT-4|Claude|Gemini|Llama|Mistral|Siri|Alexa|Copilot|an AI|a language model|gpt-oss|a robot|the demo model|the small model|a chatbot|a chat program|OpenAI|a real AI|the free version|some kind of bot|the built-in model|a toy)
are you (GPT-5|Claude|Gemini|Llama|Mistral|Siri|Alexa|Copilot|Bing|Bard|DeepSeek|Qwen|Grok|an LLM|a neural network|a computer|software|a program|a toy|a test model|the built-in model|one of OpenAI's models|made by Google|human or machine|somebody real|a grown model|part of this program)
(what is|what's) your (aim|goal|point|mission|role|use|task|origin|story|background|speciality|strength|weakness|size|version|work|business|talent|profession|area|field|limit|reason to be)
(where|when|how|why|by whom) (are you from|were you born|were you made|were you built|were you trained|did you learn this|were you created|did they make you|were you programmed)
who (owns|runs|wrote|programmed|designed|trained|invented|coded|developed|operates|maintains|stands behind|is responsible for) (you|this|this model|this demo|this bot|the demo)
(what|which) (language model|kind of machine|kind of bot|sort of AI|sort of program|model|AI|engine|assistant|software) (are you|is this|is behind this|do I talk to|am I using|answers here|runs here|is it that answers)
what (can|could|would) (you|this|it|the model|this model|the demo) (do|help with|answer|solve|be used for|be good for)( for us| for people| here| best| today| at all| exactly|)
(tell|say|write) (me |us |)(a bit|a little|more|some words|a few words|everything|all) about (you|your skills|your abilities|your makers|the demo|Freeway|what you are|this model)
(what|which) (are|were) you (made|built|trained|meant|good|useful|able to do|designed|here) (for|with|by|on|in)
(who|what) (do I have|am I dealing with|is on the other side|is at the other end|speaks there|is writing to me|is this in front of me)( here| right now|)""",
}
_SHAPES = {kind: text.split("\n") for kind, text in _SHAPES.items()}


def _from_shape(source, kind):
    text = source.choice(_SHAPES[kind])
    while match := re.search(r"\(([^()]*)\)", text):
        text = text[: match.start()] + source.choice(match[1].split("|")) + text[match.end() :]
    return re.sub(" +", " ", text).strip()


def _wrapped(source, text):
    roll = source.random.random()
    if roll < 0.35:
        text = source.choice(_BEFORE) + text
    elif roll < 0.42:
        text = f"{source.choice(FILLERS)}, {text}"
    elif roll < 0.47:
        text = f"{text}, {source.choice(PARENTHETICAL)}"
    elif roll < 0.51:
        text = f"{fillers(source, 2)}... {text}"
    return text


def _about(source):
    if source.chance(0.3):
        return _wrapped(source, _from_shape(source, "about"))
    if source.chance(0.5):
        return _wrapped(source, source.choice(_ABOUT_DIRECT) + source.choice(_AFTER))
    return _wrapped(source, f"{source.choice(_ASK)} {source.choice(_ABOUT_INDIRECT)}{source.choice(_AFTER)}")


def _greeting(source):
    if source.chance(0.65):
        return _from_shape(source, "greeting")
    whom = source.choice(_GREETING_WHOM)
    return f"{source.choice(_GREETING_WORDS)} {whom}".strip() + source.choice(_GREETING_MORE)


def _thanks(source):
    text = source.choice(_THANKS) + source.choice(_THANKS_MORE)
    if source.chance(0.65):
        text = _from_shape(source, "thanks")
    return source.choice(("ok, ", "great, ", "perfect, ", "super. ", "wow, ", "yes, ", "nice. ", "good. ", "fine, ")) + text if source.chance(0.3) else text


def _goodbye(source):
    text = source.choice(_GOODBYE) + source.choice(_GOODBYE_MORE)
    if source.chance(0.65):
        text = _from_shape(source, "goodbye")
    return source.choice(("ok, ", "well, ", "alright, ", "right. ", "so, ", "it's late. ", "good. ", "I'm tired. ")) + text if source.chance(0.3) else text


def _pull(source):
    return _wrapped(source, f"{source.choice(_PULL_ASK)} {source.choice(_PULL_VERBS)} {source.choice(_PULL_WHAT)}{source.choice(_AFTER)}")


def _beyond(source):
    text = source.choice(_BEYOND)
    wordy = len(text.split()) > 2  # "hello, Rome" would be a greeting
    return source.choice(_BEFORE) + text if wordy and source.chance(0.2) else text


_DRAW = {"about": _about, "greeting": _greeting, "thanks": _thanks, "goodbye": _goodbye, "pull": _pull, "beyond": _beyond}


def question_template(source, kind):
    """A text of this kind, with slots as in chat.py and {adj}, {det}, {month}, {cur}, {cur2}, {N2}, {P2}, {r2}, {d2}."""
    text = new(_DRAW[kind], source)
    if source.chance(0.55):
        text = capital(text) if not text.startswith("{") else text
    return text + source.choice(("?", "?", "", ".", "!", "", "??", "...")) if source.chance(0.7) else text


def more_slots(source):
    return {
        "adj": source.choice(ADJECTIVES), "det": source.choice(("the", "a", "my", "this", "your", "our", "that")),
        "month": source.choice(MONTHS), "cur": source.choice(CURRENCIES), "cur2": source.choice(CURRENCIES),
        "d2": source.random.randint(1, 28), "N2": source.pick(NAMES), "P2": source.invented().capitalize(),
        "r2": fillers(source, 4),
    }  # fmt: skip
